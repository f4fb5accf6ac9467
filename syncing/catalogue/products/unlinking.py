"""What happens in the destination to products that no longer follow, and when that has to wait for an operator."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from stores.ages import within
from stores.linking.linking import MatchProduct
from stores.models import CatalogueSettings, Connection, ProductLink, SyncMode, VariantLink
from stores.shopify.client import Client
from stores.shopify.errors import ObjectNotFound, UserErrors
from stores.shopify.products import deletion, product_records, publications
from syncing.catalogue import deleting
from syncing.catalogue.exclusive import work_alone
from syncing.catalogue.outcome import Outcome, outcome_of
from syncing.catalogue.rules.content import why_held
from syncing.catalogue.rules.parts.visibility import WAITING
from syncing.models import CatalogueRun, CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
UnlinkReason, Done, State = ProductLink.UnlinkReason, ProductLink.Done, ProductLink.State
Unlink = CatalogueSettings.Unlink

LOCK_NAME = "product"
# What leaves one by one within this time counts as one run: webhooks of a mass deletion come singly.
ONE_RUN = timedelta(hours=1)
TRIED_AGAIN = timedelta(hours=1)  # what Shopify refused of something that was spared before
NOTHING_ELSE = "Nothing else has it by now."
# Links whose partner really follows, or did until something went wrong.
FOLLOWING = (State.LINKED, State.CREATING, State.FAILED, State.CONFLICT)


def unlinking_action(settings: CatalogueSettings, link: ProductLink) -> str:
    """What a connection does with a product that no longer follows, as a CatalogueRunItem.Action.

    What was there before us is never removed where nothing of the kind may be touched (Create only). "If ordered"
    is Unpublish: that comes first, and syncing.catalogue.products.deletion looks a day later whether it may be deleted.
    """
    if not link.destination_gid or not (link.state in FOLLOWING or is_spared(link)):
        return Action.SKIP
    if settings.product_mode == SyncMode.OFF or settings.unlink == Unlink.NOTHING:
        return Action.SKIP
    if settings.product_mode == SyncMode.CREATE_ONLY and not link.is_created:
        return Action.SKIP
    return Action.DELETE if settings.unlink == Unlink.DELETE else Action.UNPUBLISH


def is_spared(link: ProductLink) -> bool:
    """Whether it no longer follows, and its partner was only left because something else had it then."""
    return link.state == State.UNLINKED and link.unlink_done == Done.SPARED


def has_to_go(link: ProductLink) -> bool:
    """Whether something is to be done to the partner of what does not follow, if only now that nothing else has it."""
    if not link.destination_gid:
        return False
    return link.state in FOLLOWING or (is_spared(link) and not why_spared(link))


def planned_action(settings: CatalogueSettings, link: ProductLink, why: str) -> tuple[str, str]:
    """The same as it will come out, with why, in words: what is there for somebody else is left."""
    action = unlinking_action(settings, link)
    if action != Action.SKIP and (spared := why_spared(link)):
        return Action.SKIP, f"{why} {spared}"
    return action, why


def hold_reason(connection: Connection, count: int) -> str:
    """Why removing so many products has to wait for an operator, in words; '' if it may be done."""
    settings = connection.catalogue
    total = connection.product_links.filter(state=State.LINKED).count()
    return why_held(count, total, settings.guard_share, settings.guard_products, settings.guard_minimum)


def find_held(connection: Connection, product_gid: str) -> CatalogueRunItem | None:
    """What waits for an operator about this product already."""
    held = CatalogueRunItem.objects.filter(run__connection=connection, run__state=CatalogueRun.State.HELD)
    return held.filter(source_gid=product_gid, outcome=Result.HELD).first()


def hold_reason_for_one(connection: Connection) -> str:
    """The same as `hold_reason` for one product, with those that were removed a moment ago."""
    settings = connection.catalogue
    removed = removed_lately(connection)
    total = connection.product_links.filter(state=State.LINKED).count() + removed
    return why_held(removed + 1, total, settings.guard_share, settings.guard_products, settings.guard_minimum)


def removed_lately(connection: Connection) -> int:
    """How many products were removed within what counts as one run: by the destination's clock, or by ours."""
    now, done = timezone.now(), (Done.UNPUBLISHED, Done.UNDECIDED, Done.DELETED)
    lately = within("unlinked_at", ONE_RUN, now) | Q(within("changed_at", ONE_RUN, now), state=State.UNLINKED)
    return connection.product_links.filter(lately, unlink_done__in=done).count()


_RUNS = Q(connection__state=Connection.State.RUNNING, connection__disconnecting_at=None)


def following_variants(own: Connection | None = None, product_gid: str = "") -> QuerySet[VariantLink]:
    """Links of variants that follow now, whatever their states: what they have, or may have, is there for somebody.

    Living variants that take part, of connections that are started and are not being disconnected. A pause ends; but
    a connection that was never started keeps nothing in step, nor does one that was rejected, has ended or was removed.
    `own` counts whatever it is, for a preview tells what it would do once it runs; and so does its product that is
    being carried: it takes part by now.
    """
    follows = Q(_RUNS, left_out="")
    if own:
        follows |= Q(connection=own, left_out="") | Q(connection=own, source_variant__product_gid=product_gid)
    return VariantLink.objects.filter(follows, source_variant__gone_at=None)


def following_products() -> QuerySet[ProductLink]:
    """The same of products: what the product sync of a connection that runs has linked."""
    synced = ProductLink.objects.filter(_RUNS, state=State.LINKED, connection__catalogue__started_at__isnull=False)
    return synced.exclude(connection__catalogue__product_mode=SyncMode.OFF)


def others_that_follow(pk: Any, destination: Any, destination_gid: Any) -> QuerySet[ProductLink]:
    """Which other products than that of the link `pk` this one of a destination follows."""
    same = {"destination_id": destination, "destination_gid": destination_gid}
    return following_products().filter(**same).exclude(pk=pk)


def variants_of_others(
    connection: Any, source_gid: Any, destination: Any, destination_gid: Any
) -> QuerySet[VariantLink]:
    """Which links of variants of other products, or of other connections, follow with one of this product's variants.

    All four may be OuterRef, as may those of `others_that_follow`.
    """
    there = {"destination_variant__store": destination, "destination_variant__gone_at": None}
    there |= {"state": VariantLink.State.LINKED, "destination_variant__product_gid": destination_gid}
    own = Q(connection=connection, source_variant__product_gid=source_gid)
    return following_variants().filter(~own, **there)


def why_spared(link: ProductLink) -> str:
    """Who else the partner of a link is there for, in words: then it is neither taken off sale nor deleted. Else ''.

    It follows another product by now, or a variant of it has the stock of another one (`following_variants`).
    """
    followed = others_that_follow(link.pk, link.destination_id, link.destination_gid)
    if other := followed.select_related("connection__source").first():
        return f"In the destination it is there for “{other.title}” of {other.connection.source}, too: it was left."
    rows = variants_of_others(link.connection_id, link.source_gid, link.destination_id, link.destination_gid)
    if vouched := rows.select_related("source_variant", "connection__source").first():
        title, source = vouched.source_variant.product_title, vouched.connection.source
        return f"One of its variants in the destination is there for “{title}” of {source}: it was left."
    return ""


def let_go(
    connection: Connection, client: Client, link: ProductLink, match: MatchProduct, departure: str, why: str = ""
) -> Outcome:
    """Do to the link's partner what the connection's choice says, and unlink it. `client` is the destination's.

    A refusal is an outcome; raises Busy, and ShopifyError for what is not about a single product. Safe to repeat.
    """
    product_gid = link.source_gid
    with work_alone(connection, LOCK_NAME, product_gid):
        link.refresh_from_db()
        if link.source_gid != product_gid:
            return outcome_of(link, Action.SKIP, Result.SKIPPED, "It was made again in the source meanwhile.")
        action = unlinking_action(connection.catalogue, link)
        why = why or f"{UnlinkReason(departure).label}."
        was_spared = is_spared(link)
        try:
            done, words = _remove(connection, client, link, action, match)
        except (UserErrors, ObjectNotFound) as error:
            retry_at = timezone.now() + TRIED_AGAIN if was_spared else None
            ProductLink.objects.filter(pk=link.pk).update(reason=str(error), retry_at=retry_at)
            return outcome_of(link, action, Result.FAILED, str(error), CatalogueRunItem.Failure.REJECTED)
        if done != Done.UNPUBLISHED:
            came_of_it = {Done.DELETED: Action.DELETE, Done.LEFT: Action.SKIP, Done.SPARED: Action.SKIP}
            action = came_of_it.get(Done(done), action)
        if was_spared and done != Done.SPARED:
            why = f"{why} {NOTHING_ELSE}"
        link.state, link.departure, link.unlink_done = State.UNLINKED, departure, done
        # By the destination's clock: a day later it may be deleted, and ours may leap.
        link.unlinked_at = client.answered_at or timezone.now()
        link.reason, link.fingerprint, link.publish_at = f"{why} {words}".strip(), "", None
        link.retry_at = None
        with transaction.atomic():
            link.save()
            ProductLink.objects.filter(pk=link.pk).update(missing_at=None, is_surely_missing=False)
            _settle_spared(connection.catalogue, link)
        return outcome_of(link, action, Result.DONE, link.reason)


def _settle_spared(settings: CatalogueSettings, link: ProductLink) -> None:
    """The last one that had it has decided: those that had left it for that one have nothing more to do.

    Who has no product sync decides nothing, nor who may not touch what was there before: it is still up to the others.
    """
    is_choice = link.unlink_done != Done.LEFT or (
        settings.product_mode != SyncMode.OFF and settings.unlink == Unlink.NOTHING
    )
    if not link.destination_gid or link.unlink_done == Done.SPARED or not is_choice or why_spared(link):
        return
    same = ProductLink.objects.filter(destination_id=link.destination_id, destination_gid=link.destination_gid)
    words = f"What became of it was decided for “{link.title}” of {link.connection.source}, the last that had it."
    others = same.filter(state=State.UNLINKED, unlink_done=Done.SPARED).exclude(pk=link.pk)
    others.update(unlink_done=Done.LEFT, reason=words)


def _remove(
    connection: Connection, client: Client, link: ProductLink, action: str, match: MatchProduct
) -> tuple[str, str]:
    """What became of the partner, as ProductLink.Done and in words."""
    if action == Action.SKIP:
        return Done.LEFT, "It was left as it is." if link.destination_gid else ""
    if why := why_spared(link):
        return Done.SPARED, why
    partner = product_records.read_whole_product(client, link.destination_gid)
    if partner is None and action == Action.DELETE and deleting.is_announced(link):
        match(connection.destination, link.destination_gid)
        return Done.DELETED, deleting.WAS_DELETED
    if partner is None:
        return Done.DELETED, "Its partner was gone already."
    settings = connection.catalogue
    if action == Action.DELETE:
        deleting.announce(link)
        deletion.delete(client, partner.gid)
        match(connection.destination, partner.gid)
        return Done.DELETED, deleting.WAS_DELETED
    # Where it is, was before its source took it off sale (not only planned), and was before a worker died here.
    was_on = () if partner.scheduled or link.publish_at else link.written.get(WAITING, ())
    taken = [*partner.publication_gids, *was_on, *link.unpublished_from]
    link.unpublished_from = list(dict.fromkeys(taken))
    ProductLink.objects.filter(pk=link.pk).update(unpublished_from=link.unpublished_from)
    planned = [gid for gid, _ in partner.scheduled]  # which would come by itself
    publications.unpublish(client, partner.gid, [*partner.publication_gids, *planned])
    if settings.unlink == Unlink.UNPUBLISH_IF_ORDERED:
        return Done.UNDECIDED, "It was unpublished; in a day it is deleted, if nobody ever ordered it."
    return Done.UNPUBLISHED, "It was unpublished."


def leave_out(connection: Connection, reasons: Mapping[str, tuple[str, str, str]]) -> set[str]:
    """Keep products that are not wanted out of stock, too, where nothing of them ever followed.

    `reasons` is source product gid -> (departure, reason, title). Returns those whose stock must be wired again.
    Those that did follow are not touched here: `let_go` is for them.
    """
    links = {link.source_gid: link for link in connection.product_links.filter(source_gid__in=list(reasons))}
    linked = VariantLink.objects.filter(
        connection=connection, state=VariantLink.State.LINKED, source_variant__product_gid__in=list(reasons)
    )
    stocked = set(linked.order_by().values_list("source_variant__product_gid", flat=True).distinct())
    changed = set()
    for gid, (departure, reason, title) in reasons.items():
        link = links.get(gid)
        if link is None and gid in stocked:
            link = ProductLink(connection=connection, source_gid=gid, title=title[:512])
        if link is None or link.state == State.UNLINKED or (link.destination_gid and link.state in FOLLOWING):
            continue
        link.state, link.departure, link.unlink_done = State.UNLINKED, departure, Done.LEFT
        link.reason, link.fingerprint, link.unlinked_at = reason, "", timezone.now()
        link.save()
        changed.add(gid)
    return changed
