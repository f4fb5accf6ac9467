"""A line that was not sent makes way for whoever wants to write to its product now."""

from django.db import transaction
from django.db.models import F

from stores.models import Connection
from syncing.models import BulkLine, BulkOperation


def make_way(connection: Connection, source_gid: str) -> bool:
    """Whether no bulk operation may write to a product: a line of which Shopify knows nothing is withdrawn.

    The product's own run comes back to it, and finds it as it should be.
    """
    line = BulkLine.objects.filter(connection=connection, source_gid=source_gid, state=BulkLine.State.OPEN).first()
    if line is None:
        return True
    with transaction.atomic():
        operation = BulkOperation.objects.select_for_update().get(pk=line.operation_id)  # or it is started meanwhile
        if operation.state in BulkOperation.AT_SHOPIFY:
            return False
        if BulkLine.objects.filter(pk=line.pk, state=BulkLine.State.OPEN).delete()[0]:
            BulkOperation.objects.filter(pk=operation.pk).update(total=F("total") - 1)
    return True
