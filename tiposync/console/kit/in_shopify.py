"""Links to Shopify's admin, where staff look at the thing itself: a small ↗ beside its name or its number."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from stores.models import Connection, Store, Variant, VariantLink
from stores.shopify.gids import GidError
from tiposync.console.kit import markup


def arrow(store: Store, gid: str = "", product_gid: str = "", what: object = "") -> SafeString | str:
    """A link to a store, or to `what` (with that gid) of it, opened beside the console; '' where there is no page."""
    try:
        url = store.page_in_shopify(gid, product_gid)
    except GidError:
        return ""
    label = f"Open {what} in Shopify: {store}" if what else f"Open {store} in Shopify"
    return format_html(
        '<a class="console-link console-arrow" href="{}" target="_blank" rel="noopener noreferrer" title="{}" '
        'aria-label="{}">↗</a>',
        url,
        label,
        label,
    )


def variant_arrow(store: Store, variant: Variant | None) -> SafeString | str:
    """A link to a variant's page, which shows its inventory; '' for none, and for one that was deleted."""
    if variant is None or variant.gone_at:
        return ""
    return arrow(store, variant.gid, variant.product_gid, variant)


def both_variants(link: VariantLink) -> SafeString:
    """Links to both variants of a match, the source's first."""
    connection = link.connection
    source, partner = link.source_variant, link.destination_variant
    return markup.joined([variant_arrow(connection.source, source), variant_arrow(connection.destination, partner)])


def both_ends(connection: Connection, source_gid: str = "", destination_gid: str = "", what: object = "") -> SafeString:
    """Links to the same thing in both stores of a connection, the source's first; without `what`, to the stores."""
    pairs = ((connection.source, source_gid), (connection.destination, destination_gid))
    return markup.joined([arrow(store, gid, what=what) for store, gid in pairs if gid or not what])
