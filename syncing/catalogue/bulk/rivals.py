"""Products that bulk operations are about to make: nobody else makes the same in that store, or takes it for a partner.

A single creation is over within a second; a line may wait, and run, for an hour.
"""

from collections.abc import Collection

from django.db.models import QuerySet

from stores.identifiers import why_no_identity
from stores.models import Connection
from stores.shopify.products.product_records import ProductRecord
from stores.variants import key_of
from syncing.models import BulkLine, BulkOperation

KEYS = "keys"  # in the ending of a line, and in what a link remembers: what identifies its product, in any connection


def keys_of(record: ProductRecord, handle: str) -> list[str]:
    """What a product of a source, and what is made of it under this handle, can be known by."""
    found = {f"handle {key_of(handle)}", f"handle {key_of(record.handle)}"}
    for variant in record.variants:
        texts = {"sku": key_of(variant.sku), "barcode": key_of(variant.barcode)}
        found |= {f"{name} {key}" for name, key in texts.items() if key and not why_no_identity(key)}
    return sorted(found)


def open_lines(connection: Connection, keys: Collection[str]) -> QuerySet[BulkLine]:
    """Lines by which bulk operations of other connections make in the destination what these name."""
    others = Connection.objects.filter(destination=connection.destination_id).exclude(pk=connection.pk)
    lines = BulkLine.objects.filter(connection__in=others, state=BulkLine.State.OPEN, kind=BulkOperation.Kind.CREATE)
    return lines.filter(ending__keys__has_any_keys=list(keys))
