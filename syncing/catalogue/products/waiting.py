"""Products that wait for another day: a store takes so many new variants in a day, and changes of present ones go on.

Also those that failed for an error that may pass: they are tried once more by themselves.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from stores.models import ProductLink, Store
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from syncing.catalogue.rules.parts.made import Desired

State = ProductLink.State
CAPPED = (State.WAITING, State.LINKED)  # the rest of a linked one was written: only its new variants wait
SOON = timedelta(hours=1)
MARGIN = timedelta(minutes=5)  # after midnight: clocks differ
FARTHEST = timedelta(hours=25)  # a try that is farther ahead was planned by a clock that was set back since
WITHOUT_RATE = "There is no currency rate, so nobody knows what it costs: it is created as soon as there is one."
PRODUCTS_AT_ONCE = 100  # products that are tried again in one sweep


def capped_until(store_id: int) -> datetime | None:
    """Until when a store is asked for no new variants; None where nothing is known of a cap."""
    rows = ProductLink.objects.filter(destination=store_id, state__in=CAPPED).filter(_is_to_come(timezone.now()))
    until: datetime | None = rows.aggregate(until=Max("retry_at"))["until"]
    return until


def _is_to_come(now: datetime) -> Q:
    return Q(retry_at__gt=now, retry_at__lte=now + FARTHEST)


def next_try(link: ProductLink) -> datetime:
    """When to try again what met the cap: tomorrow (UTC), and from then on every hour, for nobody tells whose day."""
    now = timezone.now()
    if link.retry_at is not None:
        return now + SOON
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight + MARGIN


def try_again_at(link: ProductLink) -> datetime | None:
    """When what failed for an error that may pass is tried again: once, soon; else with the daily comparison."""
    return None if link.state == State.FAILED else timezone.now() + SOON


def grows(desired: Desired) -> bool:
    """Whether a write would make new variants."""
    return any("id" not in row for row in desired.product.get("variants") or ())


def without_growth(policy: Policy) -> Policy:
    """The same, but that options and the set of variants are left alone."""
    return replace(policy, fields={**policy.fields, Field.OPTIONS: IGNORE})


def without_new_variants(
    compare: Callable[..., Desired], policy: Policy, link: ProductLink, store: Store, until: datetime
) -> Callable[..., Desired]:
    """The same comparison, but its new variants wait."""

    def narrowed(partner: ProductRecord, **more: Any) -> Desired:
        desired = compare(partner, policy=without_growth(policy), **more)
        note_growth(desired, link, store, until)
        return desired

    return narrowed


def note_growth(desired: Desired, link: ProductLink, store: Store, until: datetime) -> None:
    """Say of what is written without its new variants that they wait; what was known of its options stays known."""
    if Field.OPTIONS in link.written:
        desired.written[Field.OPTIONS] = link.written[Field.OPTIONS]
    desired.notes.append(words(store, until, "its new variants wait"))


def why_not_made(store: Store, until: datetime | None) -> str:
    """Why a product is not created now: until when the store takes no more, None where it waits for a rate."""
    return WITHOUT_RATE if until is None else words(store, until, "it waits to be created")


def words(store: Store, until: datetime, what: str) -> str:
    """Why something waits, and how long."""
    return (
        f"Shopify takes no more new variants in {store} today: {what}. "
        f"Next try: {until:%Y-%m-%d %H:%M} UTC. Changes of what exists go on."
    )


def find_due(now: datetime) -> Iterator[ProductLink]:
    """The products whose time has come, some for each destination; of a store that still is capped none that grow.

    Also what another connection has found to be made, while the answer was lost (syncing.catalogue.twins).
    """
    due = ProductLink.objects.filter(retry_at__isnull=False, state__in=(*CAPPED, State.FAILED, State.CREATING))
    due = due.exclude(_is_to_come(now))
    capped = ProductLink.objects.filter(_is_to_come(now), destination=OuterRef("destination"), state__in=CAPPED)
    ready = due.exclude(Exists(capped), state__in=CAPPED)
    for store_id in list(ready.order_by().values_list("destination", flat=True).distinct()):
        yield from _first(ready.filter(destination=store_id))


def _first(rows: QuerySet[ProductLink]) -> list[ProductLink]:
    return list(
        rows.select_related("connection__source", "connection__destination").order_by("retry_at", "pk")[
            :PRODUCTS_AT_ONCE
        ]
    )
