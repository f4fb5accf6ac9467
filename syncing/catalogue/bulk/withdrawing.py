"""A line that was not sent makes way for whoever wants to write to its product now."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F

from stores.models import Connection
from syncing.models import BulkLine, BulkOperation


def make_way(connection: Connection, source_gids: Collection[str]) -> set[str]:
    """Those of these products that bulk operations may write to; a line of which Shopify knows nothing is withdrawn.

    The product's own run comes back to it, and finds it as it should be.
    """
    lines = BulkLine.objects.filter(connection=connection, source_gid__in=source_gids, state=BulkLine.State.OPEN)
    return {line.source_gid for line in lines.order_by("pk") if not _withdraw(line)}


def _withdraw(line: BulkLine) -> bool:
    """Whether it is no longer open, so that nothing is written for it from now on."""
    with transaction.atomic():
        operation = BulkOperation.objects.select_for_update().get(pk=line.operation_id)  # or it is started meanwhile
        if operation.state in BulkOperation.AT_SHOPIFY:
            return False
        if BulkLine.objects.filter(pk=line.pk, state=BulkLine.State.OPEN).delete()[0]:
            BulkOperation.objects.filter(pk=operation.pk).update(total=F("total") - 1)
    return True
