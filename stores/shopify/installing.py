"""Shopify's authorization page: its address for an app and a store, and whether what comes back is Shopify's.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, quote, urlencode

MOST_CHARACTERS = 4096  # what comes back has some 400
MOST_FIELDS = 20


def authorization_url(store_url: str, client_id: str, scopes: Iterable[str], redirect: str, state: str) -> str:
    """Where somebody who may install apps on the store grants `scopes` to the app, and is led to `redirect` from."""
    asked = {"client_id": client_id, "scope": ",".join(sorted(scopes)), "redirect_uri": redirect, "state": state}
    return f"{store_url.rstrip('/')}/admin/oauth/authorize?{urlencode(asked)}"


def read_query(text: str) -> dict[str, str]:
    """What came back, by name. Raises ValueError where a name comes twice, or nothing of ours is so long."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError("The query is too long.")
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name comes twice.")
    return found


def is_signed(query: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether one of these secrets signed this query; compared in constant time.

    Whether Shopify signs the values as they stand, or encoded, is the same for all that we know of but a padded
    `host`: both count.
    """
    given = query.get("hmac", "").encode()
    fits = False
    for secret in secrets:
        for message in _messages(query):
            expected = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest().encode()
            # No early exit: how long it takes must not tell which secret fits. An empty one anybody has.
            fits |= hmac.compare_digest(expected, given) and bool(secret)
    return fits


def _messages(query: Mapping[str, str]) -> tuple[str, str]:
    """The sorted query without its signature, in both renderings; neither lets a value pass for another name."""
    pairs = sorted((name, value) for name, value in query.items() if name not in ("hmac", "signature"))

    def plain(text: str) -> str:
        return text.replace("%", "%25").replace("&", "%26")

    as_they_are = "&".join(f"{plain(name).replace('=', '%3D')}={plain(value)}" for name, value in pairs)
    encoded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return as_they_are, encoded
