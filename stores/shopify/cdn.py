"""Addresses of files, pure: which of them mean the same picture, and which may be asked at all."""

import re
from urllib.parse import parse_qs, urlsplit

CDN_HOSTS = ("cdn.shopify.com", "shopifycdn.com", "shopifycdn.net", "myshopify.com")
# Where Shopify keeps originals of videos: buckets of its own at a host that is everybody's.
BUCKET_HOST, BUCKET_PREFIX = "storage.googleapis.com", "/shopify-"


def identity_of(url: str) -> str:
    """What stays the same as long as an address shows the same picture: host, path, and the version `v`.

    A file that is replaced keeps its path and gets another `v`: without it a corrected picture would never arrive. The
    file's id would not tell, for it stays too. A `v` that changes with nothing else costs one upload of the same
    picture, in the place of the one before. Everything else in an address (width, crop, …) is a way of showing it.
    """
    parts = urlsplit(url)
    version = parse_qs(parts.query).get("v", [""])[-1]
    return f"{parts.netloc.lower()}{parts.path}" + (f"?v={version}" if version else "")


def is_outside(url: str, origin: str) -> bool:
    """Whether an address is one on the internet, by https and by name, or one of the host that answered.

    Its certificate then proves that the name leads to whom it belongs to: to no host inside our network.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if f"{parts.scheme}://{parts.netloc}" == origin:
        return True
    host = parts.hostname or ""
    is_name = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}", host) is not None
    return parts.scheme == "https" and is_name and parts.netloc.lower() in (host, f"{host}:443")


def is_shopifys(url: str, origin: str) -> bool:
    """Whether a file's address is one of Shopify's own hosts, or of the host that answered: no other is asked."""
    if not is_outside(url, origin):
        return False
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_own = f"{parts.scheme}://{parts.netloc}" == origin
    is_bucket = host == BUCKET_HOST and parts.path.startswith(BUCKET_PREFIX)
    return is_own or is_bucket or any(host == name or host.endswith(f".{name}") for name in CDN_HOSTS)
