"""Single products that an operator leaves out of a connection, whatever its selection says; their stock, too.

Remembered in the product's link. What becomes of the partner is the connection's choice for what no longer follows.
"""

from stores.models import Connection, ProductLink


def exclude(link: ProductLink, by: str) -> None:
    """Leave it out from now on; whoever calls this has the product carried. Safe to repeat."""
    link.excluded_by = by[:150] or "an operator"
    ProductLink.objects.filter(pk=link.pk).update(excluded_by=link.excluded_by)


def include_again(link: ProductLink) -> None:
    """Let it follow again, if it is shared and selected; whoever calls this has the product carried. Safe to repeat."""
    link.excluded_by = link.fingerprint = ""
    ProductLink.objects.filter(pk=link.pk).update(excluded_by="", fingerprint="")


def excluded_of(connection: Connection) -> dict[str, str]:
    """Source product gid -> who left it out."""
    return dict(connection.product_links.exclude(excluded_by="").values_list("source_gid", "excluded_by"))


def excluded_by(connection: Connection, product_gid: str) -> str:
    """Who left this product of the source out; '' for nobody."""
    rows = connection.product_links.filter(source_gid=product_gid)
    return rows.values_list("excluded_by", flat=True).first() or ""
