"""The head of an item's page: its link, its rule, both stores' levels with their baselines, and the reckoning."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.urls import reverse

from stores.models import Connection, VariantLink
from syncing.models import StockLink
from syncing.stock import pairs
from syncing.stock.explain import explain
from tiposync.console.kit import markup
from tiposync.console.kit.reach import within

MOST_OTHER_ROWS = 20


def describe(link: VariantLink, stock_links: Sequence[StockLink]) -> dict[str, Any]:
    """What the page tells above the timeline."""
    connection = link.connection
    identifier = connection.get_identifier_display()
    how = "decided by hand" if link.is_manual else f"matched by {identifier[0].lower()}{identifier[1:]}"
    if link.state != VariantLink.State.LINKED and not link.is_manual:
        how = ""
    return {
        "state": markup.state_pill(link),
        "how": how,
        "strategy": markup.state_pill(connection, "strategy"),
        "inert": link.left_out or connection.why_inert(),
        "rule": rule_words(connection),
        "others": _others(link),
        "groups": _groups(connection, stock_links),
    }


def rule_words(connection: Connection) -> str:
    """What this connection makes of a quantity."""
    if connection.is_two_way:
        return "A change on either side is synced to the other one, once."
    parts = []
    if connection.percentage != 100:
        parts.append(f"{connection.percentage} % of the source's quantity")
    if connection.safety_buffer:
        parts.append(f"{connection.safety_buffer} kept back as a safety buffer")
    if connection.cap_quantity is not None:
        parts.append(f"never more than {connection.cap_quantity}")
    words = ", ".join(parts) if parts else "the source's quantity as it is"
    drift = connection.get_drift_display()
    return f"{words[0].upper()}{words[1:]}. When somebody changes the destination: {drift[0].lower()}{drift[1:]}."


def _others(link: VariantLink) -> list[Any]:
    """The same item in other destinations."""
    rows = within(VariantLink.objects.filter(source_variant=link.source_variant_id, state=VariantLink.State.LINKED))
    rows = rows.exclude(pk=link.pk).select_related("connection__destination").order_by("pk")[:MOST_OTHER_ROWS]
    return [markup.anchor(reverse("admin:syncing_timeline", args=[row.pk]), row.connection.destination) for row in rows]


def _groups(connection: Connection, stock_links: Sequence[StockLink]) -> list[dict[str, Any]]:
    """The pairs by the destination level that they feed: one-way, several sources may be summed into it."""
    loaded = {pair.link_id: pair for pair in pairs.load(Q(pk__in=[link.pk for link in stock_links]))}
    grouped: dict[int, list[StockLink]] = {}
    for link in stock_links:
        if link.pk in loaded:  # unless it was removed between the two statements
            grouped.setdefault(link.destination_level_id, []).append(link)
    return [_group(connection, links, [loaded[link.pk] for link in links]) for links in grouped.values()]


def _group(connection: Connection, links: Sequence[StockLink], loaded: Sequence[pairs.Pair]) -> dict[str, Any]:
    first, is_sum = links[0], len(links) > 1
    levels = [*(link.source_level for link in links), first.destination_level]
    places = {level.pk: f"{level.location.store}, {level.location.name}" for level in levels}
    waiting = [link for link in links if link.dirty_sequence > link.settled_sequence]
    # Of summed sources, each row keeps the baseline of their sum.
    sides = [_side("Source", link.source_level, None if is_sum else link.source_baseline) for link in links]
    return {
        "title": f"{' + '.join(row['location'] for row in sides)} → {first.destination_level.location.name}",
        "states": markup.joined(dict.fromkeys(markup.state_pill(link) for link in links)),
        "reasons": list(dict.fromkeys(link.reason for link in links if link.reason)),
        "keeps_destination": first.keeps_destination,
        "waiting_since": markup.ago(min(link.dirty_at for link in waiting)) if waiting else "",
        "sides": [*sides, _side("Destination", first.destination_level, first.destination_baseline)],
        "sum_baseline": first.source_baseline if is_sum else None,
        "explanation": explain(connection, loaded, places),
    }


def _side(name: str, level: Any, baseline: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "store": level.location.store,
        "location": level.location.name,
        "available": markup.quantity(level.available),
        "as_of": markup.exact(level.as_of),
        "is_active": level.is_active,
        "is_doubtful": level.is_doubtful,
        "baseline": markup.NOTHING if baseline is None else baseline,
    }
