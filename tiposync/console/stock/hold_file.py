"""Reviews as lines of a CSV file: each item with its values before and after, for people to read."""

from collections.abc import Iterator

from django.db.models import QuerySet

from stores.models import Connection
from syncing.models import StockHold

COLUMNS = (
    *("review", "connection", "product", "variant", "sku", "barcode", "source_last_synced", "source_now"),
    *(
        "source_becomes",
        "destination_now",
        "destination_becomes",
        "state",
        "reason",
        "since",
        "decided_at",
        "decided_by",
    ),
)
_VARIANT = "link__variant_link__source_variant"
_FIELDS = (
    *("pk", "connection", f"{_VARIANT}__product_title", f"{_VARIANT}__title", f"{_VARIANT}__sku"),
    *(f"{_VARIANT}__barcode", "link__source_baseline", "source_from", "source_to", "destination_from"),
    *("destination_to", "state", "reason", "created_at", "resolved_at", "resolved_by__username"),
)


def rows_of(holds: QuerySet[StockHold]) -> Iterator[list[str]]:
    """The cells of each in the order of COLUMNS. Memory does not grow with their number."""
    names = {row.pk: str(row) for row in Connection.objects.select_related("source", "destination")}
    for pk, connection_pk, *cells in holds.values_list(*_FIELDS).iterator(chunk_size=2000):
        yield [str(pk), names[connection_pk], *("" if cell is None else str(cell) for cell in cells)]
