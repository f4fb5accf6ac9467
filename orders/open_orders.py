"""Orders of a connection that are not done: what goes on, or stops, when it is disconnected."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate

SHIPPED_WITHIN = timedelta(days=60)  # Shopify shows no older orders to an app
Kind = OrderUpdate.Kind


def open_orders(connection_id: int) -> QuerySet[OrderImport]:
    """Not copied yet, an open draft, a change under way, or a copy of the last 60 days that nobody shipped."""
    updates = OrderUpdate.objects.filter(order_import=OuterRef("pk"))
    waiting = updates.filter(state__in=(OrderUpdate.State.PLANNED, OrderUpdate.State.SENT))
    over = updates.filter(kind__in=(Kind.FULFILMENT, Kind.CANCELLATION), state=OrderUpdate.State.CONFIRMED)
    drafts = (OrderImport.DraftStatus.COMPLETED, OrderImport.DraftStatus.DELETED)
    is_open_draft = Q(is_draft=True) & ~Q(draft_status__in=drafts)
    is_unshipped = Q(is_draft=False, placed_at__gt=timezone.now() - SHIPPED_WITHIN) & ~Exists(over)
    confirmed = Q(state=OrderImport.State.CONFIRMED) & (is_open_draft | is_unshipped)
    rows = OrderImport.objects.filter(connection=connection_id)
    return rows.filter(Q(state__in=OrderImport.UNFINISHED) | confirmed | Exists(waiting)).order_by("-pk")
