"""A few categories of Shopify's product taxonomy, which is the same in every store; others are refused."""

from __future__ import annotations

from tests.simulator.wire.problems import FieldError

PREFIX = "gid://shopify/TaxonomyCategory/"
NAMES = {
    "aa": "Apparel & Accessories",
    "aa-1": "Clothing",
    "aa-1-13": "Clothing Tops",
    "aa-1-13-8": "T-Shirts",
    "aa-2": "Clothing Accessories",
    "aa-2-26": "Scarves & Shawls",
    "aa-5": "Handbags, Wallets & Cases",
    "el": "Electronics",
    "hg": "Home & Garden",
    "hg-3": "Decor",
    "hg-3-13": "Clocks",
    "hg-11": "Kitchen & Dining",
    "hg-11-10": "Tableware",
    "hg-13": "Lighting",
    "hg-15": "Linens & Bedding",
    "lb": "Luggage & Bags",
    "lb-1": "Backpacks",
    "os": "Office Supplies",
    "sg": "Sporting Goods",
}


def is_known(gid: str) -> bool:
    return gid.removeprefix(PREFIX) in NAMES


def require(gid: str | None) -> None:
    """Raises FieldError: an unknown category is no user error but one of the whole field (row 51)."""
    if gid and not is_known(gid):
        raise FieldError(f"Invalid product taxonomy node id: {gid}", "INVALID_PRODUCT_TAXONOMY_NODE_ID")


def _above(code: str) -> list[str]:
    """The codes from the root down to this one."""
    parts = code.split("-")
    return [found for end in range(1, len(parts) + 1) if (found := "-".join(parts[:end])) in NAMES]


def describe(gid: str | None) -> dict | None:
    """Shopify's TaxonomyCategory."""
    if gid is None:
        return None
    code = gid.removeprefix(PREFIX)
    line = _above(code)
    above = [f"{PREFIX}{parent}" for parent in line[:-1]]
    return {
        "id": gid,
        "name": NAMES[code],
        "fullName": " > ".join(NAMES[part] for part in line),
        "level": len(line),
        "isLeaf": not any(other.startswith(f"{code}-") for other in NAMES),
        "isArchived": False,
        "parentId": above[-1] if above else None,
        "ancestorIds": above[::-1],
    }
