"""Putting products on sale and taking them off, as their sources are; and those whose instant has come."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from stores.models import ProductLink
from stores.shopify.client import Client
from stores.shopify.products import publications
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue import unpublished
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Field, Policy
from syncing.catalogue.rules.parts.made import Desired
from syncing.catalogue.rules.parts.visibility import NOW, WAITING, visibility_of


class Channels:
    """The channels of a destination that take an instant: read once, where one is needed."""

    def __init__(self, client: Client, policy: Policy) -> None:
        self.client, self.policy = client, policy
        self._known: frozenset[str] | None = None

    def schedulable(self, source: ProductRecord) -> frozenset[str]:
        """Those that take one, if the product of the source waits for its own."""
        if visibility_of(source) in ("", NOW) or not self.policy.follows_visibility:
            return frozenset()
        if self._known is None:
            listed = publications.list_publications(self.client)
            self._known = frozenset(channel.gid for channel in listed if channel.is_schedulable)
        return self._known


def completing(policy: Policy) -> Policy:
    """A creation that is not complete is still one: what is set at creation only, and by a call of its own, is set."""
    due = [name for name in (Field.PUBLISHING, Field.VARIANT_METAFIELDS) if policy.of(name) == CREATE_ONLY]
    return replace(policy, fields={**policy.fields, **dict.fromkeys(due, SYNC)}) if due else policy


def put_on_sale(client: Client, gid: str, desired: Desired) -> None:
    """Take a product off channels, put it on others, now or from an instant on. Safe to repeat."""
    publications.unpublish(client, gid, desired.unpublish)
    _publish(client, gid, desired, desired.publish)
    publications.schedule(client, gid, desired.schedule)


def _publish(client: Client, gid: str, desired: Desired, channels: Iterable[str]) -> None:
    if gone := publications.publish_on_living(client, gid, list(channels), needs_one=desired.is_new):
        desired.notes.append(f"{gone} of the sales channels that it should be on are gone from the destination.")


def is_back(link: ProductLink, gid: str, policy: Policy) -> bool:
    """Whether a product is to be put where it was, because it follows this link again, or another one did before.

    What another connection took off sale when it let go of it comes back with whoever follows next: on the channels
    that this one has chosen, else where it was. Notes that on the link, and saves nothing.
    """
    follows = link.state == ProductLink.State.LINKED and link.destination_gid == gid
    if not follows and policy.of(Field.PUBLISHING) != IGNORE:
        taken = [one for other in _taken_by_others(link, gid) for one in other.unpublished_from]
        taken += unpublished.channels_of(link.destination_id, gid)
        found = policy.publication_gids if taken and policy.publication_gids else taken
        link.unpublished_from = list(dict.fromkeys([*link.unpublished_from, *found]))
    return link.state == ProductLink.State.UNLINKED or bool(link.unpublished_from)


def _taken_by_others(link: ProductLink, gid: str) -> QuerySet[ProductLink]:
    others = ProductLink.objects.filter(destination_id=link.destination_id, destination_gid=gid)
    return others.exclude(state=ProductLink.State.LINKED).exclude(unpublished_from=[]).exclude(pk=link.pk)


def bring_back(client: Client, link: ProductLink, desired: Desired) -> None:
    """Put a product that follows again where it was, or remember that: its source may be on sale nowhere."""
    channels = link.unpublished_from
    if channels and desired.is_hidden:
        desired.written[WAITING] = sorted({*desired.written.get(WAITING, ()), *channels})
    else:
        _publish(client, link.destination_gid, desired, channels)
    if channels:  # it is this one's by now: nobody brings it back a second time
        _taken_by_others(link, link.destination_gid).update(unpublished_from=[])
        unpublished.forget(link.destination_id, link.destination_gid)


def find_due(now: datetime) -> QuerySet[ProductLink]:
    """Products whose instant has come."""
    links = ProductLink.objects.filter(publish_at__lte=now, connection__catalogue__started_at__isnull=False)
    return links.select_related("connection__source", "connection__destination", "connection__catalogue")
