"""What reaches us as JSON, without the two kinds of characters that no database takes: NUL, and half a surrogate pair.

Shopify keeps both where somebody's app wrote them; one such character in a name must not stop an order.
"""

import json
import re
from typing import Any

# As JSON escapes them, which is the only way in which they come. Whole pairs are read, too, and found to be well.
_SUSPECTS = re.compile(rb"\\u(?:0000|d[89a-f])", re.IGNORECASE)
_HALVES = re.compile("[\ud800-\udfff]")


def read_json(content: str | bytes) -> Any:
    """What this JSON says. Raises ValueError, and RecursionError for what is nested without an end."""
    found = json.loads(content)
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return clean(found) if _SUSPECTS.search(raw) else found


def clean(value: Any) -> Any:
    """The same without these characters, in all its texts and names."""
    if isinstance(value, str):
        return _HALVES.sub("\N{REPLACEMENT CHARACTER}", value.replace("\x00", ""))
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, dict):
        return {clean(name): clean(each) for name, each in value.items()}
    return value
