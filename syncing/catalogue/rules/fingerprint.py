"""A short, stable name of anything that JSON can hold: two equal ones are named alike, on every machine, for ever."""

import json
from hashlib import sha256
from typing import Any

# Part of every fingerprint: raised when the same words begin to mean something else, so that all is written once more.
MEANING_VERSION = 1


def fingerprint(value: Any) -> str:
    """64 hexadecimal digits of dicts with text keys, lists, texts, numbers, booleans and None. The order of keys does
    not matter; that of lists does. Raises TypeError for anything else, and ValueError for a number that is none.
    """
    return sha256(_canonical([MEANING_VERSION, value])).hexdigest()


def digest(value: Any) -> str:
    """A short one of the same kind, 24 digits, where very many are kept."""
    return sha256(_canonical(value)).hexdigest()[:24]


def _canonical(value: Any) -> bytes:
    # Text from a webhook may hold half of a surrogate pair, which no encoding of its own can express: ASCII escapes do.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
