"""How a world stands, in lines of text: what a story of thousands of operations leaves behind when it fails."""

from collections.abc import Iterator

from django.utils import timezone

from orders.models import OrderImport
from stores.models import Connection
from syncing.models import StockHold, StockLink, SyncJob
from tests.support.world import World


def describe(world: World) -> str:
    """Levels, connections, links, holds, what waits, and every copied order whose units are not those of its rows."""
    return "\n".join([f"now {timezone.now():%F %T}", *_stock(world), *_jobs(), *describe_orders(world)])


def _stock(world: World) -> Iterator[str]:
    for place in world.places:
        yield f"{place.domain} has {[place.available(item) for item in range(len(place.variants))]}"
    for each in Connection.objects.order_by("pk"):
        yield f"connection {each.pk} {each.strategy}, in force {each.aligned_strategy}, {each.state}"
    for link in StockLink.objects.select_related("source_level", "destination_level").order_by("connection", "pk"):
        levels = [(level.available, level.is_doubtful) for level in (link.source_level, link.destination_level)]
        waits = link.dirty_sequence - link.settled_sequence
        baselines = f"{link.source_baseline} {link.destination_baseline}"
        yield f"link {link.pk} of {link.connection_id} {link.state} {link.reason} waits {waits}: {levels} {baselines}"
    for hold in StockHold.objects.filter(state=StockHold.State.OPEN):
        yield f"hold {hold.pk} of {hold.connection_id}: {hold}"


def _jobs() -> Iterator[str]:
    for job in SyncJob.objects.filter(state__in=(SyncJob.State.QUEUED, SyncJob.State.RUNNING)).order_by("pk"):
        yield f"job {job.pk} {job.kind} {job.subject} {job.state} {job.attempts} {job.message}"


def describe_orders(world: World, name: str = "") -> Iterator[str]:
    """All of them, or those of this name."""
    held = {f"gid://shopify/Order/{order.id}": order for place in world.places for order in place.shop.orders.values()}
    drafts = {
        f"gid://shopify/DraftOrder/{draft.id}": draft for place in world.places for draft in place.shop.drafts.values()
    }
    rows = OrderImport.objects.filter(order_name=name) if name else OrderImport.objects.all()
    for row in rows.order_by("pk"):
        original, copy = held.get(row.order_gid), held.get(row.copy_order_gid) or drafts.get(row.copy_gid)
        yield f"order {row.pk} of {row.connection_id} {row.order_gid} {row.state} {row.draft_status} {row.reason}"
        yield f"  holds {_units(original)}, its copy {row.copy_name} {_units(copy)}"
        for line in row.lines.order_by("pk"):
            marks = f"{'held back ' if line.is_pending else ''}owed {line.owed_quantity}"
            baselines = f"{line.original_baseline} {line.copy_baseline}"
            yield f"  {line.state} {line.quantity} of {line.source_variant_id} {marks} agreed upon {baselines}"
        for update in row.updates.order_by("pk"):
            yield f"  {update.kind} {update.state} {update.reason}"


def _units(order) -> str:
    if order is None:
        return "is not there"
    units = [
        (line.variant_id or line.title, getattr(line, "current_quantity", line.quantity), str(line.price))
        for line in order.lines
    ]
    return f"{units}{' cancelled' if getattr(order, 'cancelled_at', None) else ''}"
