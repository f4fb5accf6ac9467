"""Takes secrets out of text on its way to a log, a job's message or an error tracker.

The rule is that no secret gets into such text at all (stores.shopify.errors); this is what catches a slip.
"""

import re
import threading

HIDDEN = "(secret)"
MOST_SECRETS = 5000
LEAST_CHARACTERS = 8  # shorter ones would be found in innocent words
SECRET_NAMES = ("client_secret", "access_token", "refresh_token", "password")

_known: dict[str, None] = {}
_lock = threading.Lock()
_SECRET_PATTERNS = (
    (re.compile(r"\bshp[a-z]{2}_\w{6,}"), HIDDEN),  # Shopify's tokens and secrets
    (re.compile(r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"), HIDDEN),  # name and password in an address
    (re.compile(r"(?i)\b(bearer )[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (
        re.compile(rf"""(?i)({"|".join(SECRET_NAMES)})(["']*\s*[:=]\s*["']*)[^\s"'&,}}]{{4,}}"""),
        rf"\1\2{HIDDEN}",
    ),
)


def know(secret: str) -> None:
    """From now on this text is hidden wherever it appears. Called for each credential that this process decrypts."""
    if len(secret) < LEAST_CHARACTERS or secret in _known:
        return
    with _lock:
        _known[secret] = None
        while len(_known) > MOST_SECRETS:
            del _known[next(iter(_known))]


def redact(text: str) -> str:
    """The text without known secrets, and without what looks like one."""
    for secret in list(_known):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    for pattern, replacement in _SECRET_PATTERNS:
        text = pattern.sub(replacement, text)
    return text
