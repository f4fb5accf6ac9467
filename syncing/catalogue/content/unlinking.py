"""What happens in the destination to collections, pages, blogs and articles that no longer follow."""

from collections.abc import Iterable, Iterator
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from stores.ages import within
from stores.models import CatalogueSettings, Connection, ResourceLink, Store, SyncMode
from stores.shopify.errors import ObjectNotFound, UserErrors
from syncing.catalogue import deleting, unpublished
from syncing.catalogue.content.resource import CHANNELS, SENT_AS, TAKEN_FROM, Resource, followed_kinds
from syncing.catalogue.outcome import Outcome, outcome_of
from syncing.catalogue.products.unlinking import ONE_RUN
from syncing.catalogue.refusals import OneRefused, Tries
from syncing.catalogue.rules.content import TITLE, VISIBLE, why_held
from syncing.models import CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
Unlink = CatalogueSettings.Unlink

DELETED = "It was deleted in the source."
NOT_SHARED = "The source no longer shares it."
DISCONNECTED = "The connection was ended."
NOT_SELECTED = "It has left the selection of this connection."


def why_not_wanted(connection: Connection, collection_gid: str) -> str:
    """Why a collection of the source does not follow along this connection, in words; '' if it does."""
    source, settings = connection.source, connection.catalogue
    shared = source.shares_collections
    if shared == Store.CollectionSharing.NONE:
        return NOT_SHARED
    if shared == Store.CollectionSharing.CHOSEN and collection_gid not in source.shared_collection_gids:
        return NOT_SHARED
    is_chosen = settings.collection_selection == CatalogueSettings.CollectionSelection.CHOSEN
    return NOT_SELECTED if is_chosen and collection_gid not in settings.collection_gids else ""


def unlinking_action(settings: CatalogueSettings) -> str:
    """What a connection does with what no longer follows, as a CatalogueRunItem.Action.

    None of these things is ever ordered, so the choice that spares what was ordered deletes nothing here.
    """
    if settings.unlink == Unlink.DELETE:
        return Action.DELETE
    return Action.SKIP if settings.unlink == Unlink.NOTHING else Action.UNPUBLISH


def is_spared(settings: CatalogueSettings, link: ResourceLink) -> bool:
    """Whether it was there before us, where nothing of the kind may be touched."""
    modes = {
        ResourceLink.Kind.COLLECTION: settings.collection_mode,
        ResourceLink.Kind.METAOBJECT: settings.metaobject_mode,
    }
    return modes.get(ResourceLink.Kind(link.kind)) == SyncMode.CREATE_ONLY and not link.is_created


def why_spared(settings: CatalogueSettings, link: ResourceLink) -> str:
    """Why the partner of a link is neither hidden nor deleted, in words; '' if it is."""
    if is_spared(settings, link):
        return "It was there before, and is not touched (Create only)."
    if not link.destination_gid:
        return ""
    others = ResourceLink.objects.filter(destination=link.destination_id, destination_gid=link.destination_gid)
    others = others.filter(state=ResourceLink.State.LINKED).exclude(pk=link.pk).order_by("pk")
    for other in others.select_related("connection__source", "connection__catalogue"):
        if _is_kept_in_step(other):
            return f"In the destination it follows “{other.title}” of {other.connection.source} by now: it was left."
    return ""


def _is_kept_in_step(link: ResourceLink) -> bool:
    """Whether its connection really has it follow; a paused one will again."""
    connection, settings = link.connection, getattr(link.connection, "catalogue", None)
    if settings is None or settings.started_at is None or connection.disconnecting_at is not None:
        return False
    return connection.state == Connection.State.RUNNING and link.kind in followed_kinds(settings)


def hold_reason(connection: Connection, links: Iterable[ResourceLink], removed: int = 0) -> str:
    """Why letting go of all these, after so many `removed` lately, has to wait for an operator, in words; '' if not."""
    settings = connection.catalogue
    if unlinking_action(settings) == Action.SKIP:
        return ""
    count = sum(1 for link in links if link.destination_gid and not why_spared(settings, link))
    if not count:
        return ""
    count += removed
    total = connection.resource_links.filter(state=ResourceLink.State.LINKED).count() + removed
    return why_held(count, total, settings.guard_share, settings.guard_products, settings.guard_minimum)


def removed_lately(connection: Connection) -> int:
    """How many collections and content were removed within what counts as one run; what was spared has no instant."""
    links = connection.resource_links.filter(state=ResourceLink.State.UNLINKED).exclude(destination_gid="")
    return links.filter(within("unlinked_at", ONE_RUN, timezone.now())).count()


def held(settings: CatalogueSettings, links: Iterable[ResourceLink]) -> Iterator[Outcome]:
    """What would be done to these, and waits."""
    for link in links:
        goes = link.destination_gid and not why_spared(settings, link)
        yield outcome_of(link, unlinking_action(settings) if goes else Action.SKIP, Result.HELD)


def unlink(
    connection: Connection,
    resource: Resource,
    departing: Iterable[tuple[ResourceLink, str]],
    *,
    is_preview: bool = False,
) -> Iterator[Outcome]:
    """Do to the partners of these links what the connection's choice says, and unlink them; each comes with why.

    Safe to repeat: hiding and deleting are. Raises ShopifyError for what is not about a single thing.
    """
    settings, tries = connection.catalogue, Tries()
    for link, why in departing:
        if spared := why_spared(settings, link):
            if not is_preview:
                _unlink(link, f"{why} {spared}", is_removal=False)
            result = Result.PLANNED if is_preview else Result.DONE
            yield outcome_of(link, Action.SKIP, result, f"{why} {spared}")
            continue
        if is_preview:
            yield _outcome(settings, link, Result.PLANNED, why)
            continue
        try:
            done = tries.make(partial(_let_go, settings, resource, link))
        except (UserErrors, ObjectNotFound, OneRefused) as error:
            ResourceLink.objects.filter(pk=link.pk).update(reason=str(error))
            yield _outcome(settings, link, Result.FAILED, str(error), CatalogueRunItem.Failure.REJECTED)
            tries.check_store()
            continue
        _unlink(link, f"{why} {done}")
        yield _outcome(settings, link, Result.DONE, link.reason)


def _let_go(settings: CatalogueSettings, resource: Resource, link: ResourceLink) -> str:
    if not link.destination_gid and not _finds_sent(resource, link):
        return "It had no partner."
    if settings.unlink == Unlink.NOTHING:
        return "It was left as it is."
    if settings.unlink == Unlink.DELETE:
        was_announced = deleting.is_announced(link)
        deleting.announce(link)
        words = resource.delete(link.destination_gid)
        return deleting.WAS_DELETED if was_announced and words == deleting.WAS_GONE else words
    if channels := resource.shown_on(link.destination_gid):  # remembered before: a worker may die in between
        link.written = {**link.written, TAKEN_FROM: list(channels)}
        ResourceLink.objects.filter(pk=link.pk).update(written=link.written)
    return resource.unpublish(link.destination_gid)


def _finds_sent(resource: Resource, link: ResourceLink) -> bool:
    """Whether what a creation without an answer made is there: it is this link's partner from now on."""
    sent = link.written.get(SENT_AS) if link.is_created else None
    if not sent:
        return False
    resource.forget()
    gid = resource.find(sent)
    made = resource.read([gid]).get(gid) if gid else None
    others = ResourceLink.objects.filter(destination=link.destination_id, destination_gid=gid).exclude(pk=link.pk)
    if made is None or (TITLE in sent and made.title != sent[TITLE]) or others.exists():
        return False
    link.destination_gid = gid
    link.save(update_fields=["destination_gid", "changed_at"])
    return True


def taken_by_others(link: ResourceLink, gid: str) -> QuerySet[ResourceLink]:
    """What another connection took from channels when it let go of it: it comes back with this one, and only once."""
    others = ResourceLink.objects.filter(destination=link.destination_id, destination_gid=gid).exclude(pk=link.pk)
    return others.filter(state=ResourceLink.State.UNLINKED, written__has_key=TAKEN_FROM)


def forget_taken(link: ResourceLink) -> None:
    """It was put back where another connection had taken it from."""
    for other in taken_by_others(link, link.destination_gid):
        written = {name: value for name, value in other.written.items() if name != TAKEN_FROM}
        ResourceLink.objects.filter(pk=other.pk).update(written=written)
    unpublished.forget(link.destination_id, link.destination_gid)


def _unlink(link: ResourceLink, reason: str, *, is_removal: bool = True) -> None:
    link.state, link.fingerprint, link.reason = ResourceLink.State.UNLINKED, "", reason
    link.unlinked_at = timezone.now() if is_removal else None
    # We hid it ourselves: should it come back, that must not look like somebody's decision in the destination.
    link.written = {name: value for name, value in link.written.items() if name not in (VISIBLE, CHANNELS)}
    link.save()


def _outcome(settings: CatalogueSettings, link: ResourceLink, result: str, reason: str, failure: str = "") -> Outcome:
    action = unlinking_action(settings) if link.destination_gid else Action.SKIP
    return outcome_of(link, action, result, reason, failure)
