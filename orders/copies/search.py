"""Search for a copy whose creation was sent without an answer, and prove that it is not there.

Neither an index nor our own clock proves anything: a search misses what is new, for seconds or for half an hour, and
our clock may leap. So the newest orders or drafts are walked by id, and a request that may still be executed is waited
for by the time that Shopify's answers tell. Where they tell none, an operator decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from orders.copies.rules import copy_input
from orders.copies.shopify_copy import Copy, of_draft, of_order
from orders.models import OrderImport
from stores.shopify.client import Client
from stores.shopify.errors import TRANSIENT, ObjectNotFound
from stores.shopify.orders import draft_orders, orders

# A walk goes on to what was created this long before: the instants of two answers are not of one machine.
MARGIN = timedelta(minutes=10)
# At least so many searches, spread over the time, before a creation is sent again.
SEARCHES = 3
PAUSE_SECONDS = 60  # between searches where no answer tells the time


class RetryLater(Exception):
    """What became of something that was sent is not known yet: look again in `retry_after` seconds."""

    failure = TRANSIENT

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `as_of` is Shopify's clock before the newest were walked, None where nothing told it."""

    copy: Copy | None
    as_of: datetime | None


def search(client: Client, row: OrderImport, store_domain: str, since: datetime) -> Found:
    """The copy of this row's order, or none: then none was created since that instant, up to `as_of`.

    Raises what the client raises.
    """
    custom_id = copy_input.custom_id(row.order_gid, store_domain)
    find = _find_draft if row.is_draft else _find_order
    return find(client, row, custom_id, since - MARGIN)


def _find_draft(client: Client, row: OrderImport, custom_id: str, since: datetime) -> Found:
    attribute = (copy_input.ORIGINAL_ID, custom_id)
    draft = draft_orders.find_draft_by_tag(client, copy_input.draft_tag(row.order_gid), attribute)
    as_of = client.answered_at
    draft = draft or draft_orders.find_draft_among_newest(client, attribute, since)
    return Found(of_draft(draft) if draft else None, as_of)


def _find_order(client: Client, row: OrderImport, custom_id: str, since: datetime) -> Found:
    try:
        order = orders.find_by_custom_id(client, custom_id)
    except ObjectNotFound:  # the definition of the metafield is gone: somebody removed it in the store's admin
        orders.ensure_definition(client)
        order = None
    as_of = client.answered_at
    order = order or orders.find_among_newest(client, custom_id, since)
    return Found(of_order(order) if order else None, as_of)


def seconds_left(row: OrderImport, as_of: datetime | None) -> float:
    """How long to wait before the next search, after one that found nothing; 0 where the creation may be sent again.

    Counts this search, and the time from the first one on: what came before it, our worker may have slept through.
    """
    row.looks += 1
    if as_of and row.look_up_until is None:
        row.look_up_until = as_of + search_time(row.is_draft)
    OrderImport.objects.filter(pk=row.pk, attempts=row.attempts).update(
        looks=row.looks, look_up_until=row.look_up_until
    )
    if row.may_send_again:
        return 0
    if as_of is None or row.look_up_until is None:
        return PAUSE_SECONDS
    left = (row.look_up_until - as_of).total_seconds()
    if left <= 0 and row.looks >= SEARCHES:
        return 0
    # Spread over the time that is left: soon at first, for the plain case of a lost answer.
    return max(1.0, min(5.0 * row.looks, left))


def search_time(is_draft: bool) -> timedelta:
    """For how long nothing is sent again. A request of ours may be under way for half a minute."""
    return timedelta(seconds=settings.ORDER_LOOK_SECONDS * (2 if is_draft else 1))
