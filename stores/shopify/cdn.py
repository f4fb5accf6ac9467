"""Addresses of files on Shopify's CDN, pure: which of them mean the same picture."""

from urllib.parse import parse_qs, urlsplit


def identity_of(url: str) -> str:
    """What stays the same as long as an address shows the same picture: host, path, and the version `v`.

    A file that is replaced keeps its path and gets another `v`: without it a corrected picture would never arrive. The
    file's id would not tell, for it stays too. A `v` that changes with nothing else costs one upload of the same
    picture, in the place of the one before. Everything else in an address (width, crop, …) is a way of showing it.
    """
    parts = urlsplit(url)
    version = parse_qs(parts.query).get("v", [""])[-1]
    return f"{parts.netloc.lower()}{parts.path}" + (f"?v={version}" if version else "")
