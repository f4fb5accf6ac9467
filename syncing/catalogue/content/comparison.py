"""Collections and content as a whole: polls, comparisons, and catalogue runs over them with their items and holds."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from stores.ages import is_over
from stores.clients import OpenClient
from stores.models import CatalogueSettings, Connection, ResourceLink, SyncMode
from stores.shopify.content.content import ARTICLE, BLOG, PAGE
from stores.shopify.errors import ShopifyError
from syncing.catalogue import referred_files, referring
from syncing.catalogue.content import collections, metaobjects, pages
from syncing.catalogue.content.collections import COLLECTION, CollectionResource
from syncing.catalogue.content.metaobjects import METAOBJECT, MetaobjectResource
from syncing.catalogue.content.pages import ContentResource
from syncing.catalogue.content.resource import SENT_AS, Resource, followed_kinds
from syncing.catalogue.content.unlinking import DISCONNECTED, held, hold_reason, removed_lately, unlink
from syncing.catalogue.exclusive import work_alone
from syncing.catalogue.outcome import Outcome
from syncing.models import CatalogueRun, CatalogueRunItem, SyncJob

MustEnd = Callable[[], bool]
Departing = Sequence[tuple[ResourceLink, str]]
Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
State = CatalogueRun.State

# Everything here goes one at a time for a connection: an article may carry its blog.
LOCK_NAME = "collections and content"
GOING = (ARTICLE, BLOG, PAGE, COLLECTION, METAOBJECT)  # in this order: a blog is only deleted when it is empty
COMPARED_EVERY = timedelta(days=1)
COUNTED_ROWS = 20  # a run's numbers are brought up to date after so many things


class Comparison:
    """One pass over all collections and content of a connection. `hold_reason` tells why its end must wait.

    `is_released`: an operator lets it remove as much as it finds.
    """

    def __init__(
        self, connection: Connection, open_client: OpenClient, *, is_preview: bool = False, is_released: bool = False
    ) -> None:
        self.connection, self.open_client = connection, open_client
        self.settings: CatalogueSettings = connection.catalogue
        self.is_preview, self.is_released = is_preview, is_released
        self.hold_reason = ""
        self.errors: list[ShopifyError] = []

    def outcomes(self) -> Iterator[Outcome]:
        """Carry what differs, then let go of what no longer follows, unless that is held.

        A kind that cannot be read or written stops no other: `errors` tell of it, and what of it departs waits.
        """
        departing: dict[str, Departing] = {}
        try:
            if not self.is_preview:
                referred_files.forget_deleted(self.connection, self.open_client(self.connection.destination))
        except ShopifyError as error:
            self.errors.append(error)
        for kind in followed_kinds(self.settings):
            try:
                yield from self._compare(kind, departing)
            except ShopifyError as error:
                self.errors.append(error)
        yield from self._let_go(departing)

    def _compare(self, kind: str, departing: dict[str, Departing]) -> Iterator[Outcome]:
        """Carry what of one kind differs, then note what departs. Raises ShopifyError."""
        seen, given = set[str](), (self.connection, self.open_client)
        if kind == COLLECTION:
            yield from collections.sync_collections(*given, seen, is_preview=self.is_preview)
            departing[kind] = collections.find_unlinked(self.connection, seen)
            return
        if kind == METAOBJECT:
            yield from metaobjects.compare(*given, seen, is_preview=self.is_preview)
        else:
            yield from pages.compare(*given, kind, seen, is_preview=self.is_preview)
        departing[kind] = pages.find_unlinked(self.connection, kind, seen)

    def _let_go(self, departing: dict[str, Departing]) -> Iterator[Outcome]:
        links = [link for rows in departing.values() for link, _ in rows]
        self.hold_reason = "" if self.is_released else hold_reason(self.connection, links)
        if self.hold_reason and not self.is_preview:
            yield from held(self.settings, links)
            return
        for kind in GOING:
            if rows := departing.get(kind):
                resource = resource_of(self.connection, self.open_client, kind)
                yield from unlink(self.connection, resource, rows, is_preview=self.is_preview)


def resource_of(connection: Connection, open_client: OpenClient, kind: str) -> Resource:
    """The resource of one kind."""
    if kind == COLLECTION:
        return CollectionResource(connection, open_client)
    if kind == METAOBJECT:
        return MetaobjectResource(connection, open_client)
    return ContentResource(connection, open_client, kind)


class Unfinished(Exception):
    """It was told to end before it was through: call it again. What was done is done."""

    failure = SyncJob.Failure.TRANSIENT


# --- Jobs ---------------------------------------------------------------------------------------------------------


def sync_collection(connection: Connection, open_client: OpenClient, collection_gid: str) -> str | None:
    """Carry one collection, or let go of it. Returns what was done, None where that was nothing.

    Raises Busy, GidError, ShopifyError. Safe to repeat.
    """
    with work_alone(connection, LOCK_NAME):
        outcomes, departing = collections.sync_collection(connection, open_client, collection_gid)
        links = [link for link, _ in departing]
        if reason := hold_reason(connection, links, removed_lately(connection)):  # webhooks of many come singly
            waiting = list(held(connection.catalogue, links))
            _hold(connection, reason, waiting)
            outcomes += waiting
        elif departing:
            resource = CollectionResource(connection, open_client)
            outcomes += list(unlink(connection, resource, departing))
    return describe(outcomes)


def poll_content(
    connection: Connection,
    open_client: OpenClient,
    kinds: Iterable[str] | None = None,
    must_end: MustEnd = lambda: False,
) -> str | None:
    """Carry what changed lately: these kinds of content and COLLECTION, or all that follow.

    Returns and raises as `sync_collection`, and Unfinished when `must_end` asked for an end.
    """
    settings = connection.catalogue
    outcomes: list[Outcome] = []
    errors: list[ShopifyError] = []  # of one kind: they stop no other
    with work_alone(connection, LOCK_NAME):
        for kind in followed_kinds(settings):
            if kinds is not None and kind not in kinds:
                continue
            try:
                outcomes += _until(_poll(connection, open_client, kind), must_end)
            except ShopifyError as error:
                errors.append(error)
    if errors:
        raise errors[0]
    _mark(settings, "polled_at")
    return describe(outcomes)


def _poll(connection: Connection, open_client: OpenClient, kind: str) -> Iterator[Outcome]:
    if kind == COLLECTION:
        return collections.poll_collections(connection, open_client)
    if kind == METAOBJECT:
        return metaobjects.poll(connection, open_client)
    return pages.poll(connection, open_client, kind)


def compare_content(connection: Connection, open_client: OpenClient, must_end: MustEnd = lambda: False) -> str | None:
    """Compare all collections and content with the destination; removals that look wrong wait in a held run.

    Returns and raises as `poll_content`.
    """
    comparison = Comparison(connection, open_client)
    with work_alone(connection, LOCK_NAME):
        outcomes = list(_until(comparison.outcomes(), must_end))
    if comparison.hold_reason:
        _hold(connection, comparison.hold_reason, [row for row in outcomes if row.outcome == Result.HELD])
    if comparison.errors:
        raise comparison.errors[0]
    _mark(connection.catalogue, "polled_at", "content_compared_at")
    return describe(outcomes)


def let_go_of_all(run: CatalogueRun, open_client: OpenClient, must_end: MustEnd = lambda: False) -> bool:
    """Do to everything that follows what the connection's choice says, because it ends; each is an item of `run`.

    False when `must_end` asked for an end: call again. Raises Busy, ShopifyError. Safe to repeat: what failed stays so.
    """
    connection = run.connection
    failed = run.items.filter(outcome=Result.FAILED).values("source_gid")
    with work_alone(connection, LOCK_NAME):
        for kind in GOING:
            links = followers(connection).filter(kind=kind).exclude(source_gid__in=failed)
            resource = resource_of(connection, open_client, kind)
            for outcome in unlink(connection, resource, [(link, DISCONNECTED) for link in links]):
                _save_item(run, outcome)
                if not _is_running(run):
                    return True  # paused or cancelled by an operator
                if must_end():
                    return False
    return True


def followers(connection: Connection) -> QuerySet[ResourceLink]:
    """The collections and content of the destination that ending the connection concerns.

    As with products: not what is another source's by now, nor what was there before, where nothing of the kind may be
    touched (Create only).
    """
    settings = connection.catalogue
    has_partner = ~Q(destination_gid="") | Q(written__has_key=SENT_AS)  # or a creation that was not answered
    links = connection.resource_links.filter(has_partner, kind__in=followed_kinds(settings))
    for kind, mode in ((COLLECTION, settings.collection_mode), (METAOBJECT, settings.metaobject_mode)):
        if mode == SyncMode.CREATE_ONLY:
            links = links.exclude(kind=kind, is_created=False)
    same = {"destination": OuterRef("destination"), "destination_gid": OuterRef("destination_gid")}
    others = ResourceLink.objects.filter(state=ResourceLink.State.LINKED, **same).exclude(pk=OuterRef("pk"))
    return links.exclude(state=ResourceLink.State.UNLINKED).exclude(Exists(others))


def find_followed() -> QuerySet[CatalogueSettings]:
    """The started catalogues that carry collections or content."""
    follows = Q(syncs_pages=True) | Q(syncs_blogs=True) | Q(syncs_articles=True)
    follows |= ~Q(collection_mode=SyncMode.OFF) | ~Q(metaobject_mode=SyncMode.OFF)
    rows = CatalogueSettings.objects.filter(follows, started_at__isnull=False)
    return rows.select_related("connection__source", "connection__destination")


def is_due(settings: CatalogueSettings, now: datetime) -> bool:
    """Whether a catalogue's collections and content should be looked at again."""
    if settings.why_inert():
        return False
    if settings.polled_at is None or is_over(settings.polled_at, timedelta(minutes=settings.poll_minutes), now):
        return True
    follow = settings.metaobject_mode != SyncMode.OFF
    return follow and referring.are_metaobjects_wanted(settings.connection_id)


def must_compare(settings: CatalogueSettings) -> bool:
    """Whether the daily comparison is due, which alone sees what was deleted."""
    compared_at = settings.content_compared_at
    return compared_at is None or is_over(compared_at, COMPARED_EVERY, timezone.now())


def _until(outcomes: Iterator[Outcome], must_end: MustEnd) -> Iterator[Outcome]:
    for outcome in outcomes:
        yield outcome
        if must_end():
            raise Unfinished("More collections or content wait.")


def _mark(settings: CatalogueSettings, *names: str) -> None:
    CatalogueSettings.objects.filter(pk=settings.pk).update(**dict.fromkeys(names, timezone.now()))


def _hold(connection: Connection, reason: str, outcomes: Iterable[Outcome]) -> None:
    """The run that waits for an operator, or a new one; none where one works, for the next comparison asks again."""
    waiting = connection.catalogue_runs.filter(kind=CatalogueRun.Kind.CONTENT, state=State.HELD, is_preview=False)
    try:
        with transaction.atomic():
            run = waiting.select_for_update(of=("self",)).first() or CatalogueRun(
                connection=connection, kind=CatalogueRun.Kind.CONTENT, state=State.HELD
            )
            run.hold_reason = reason
            run.save()
            for outcome in outcomes:
                _save_item(run, outcome)
    except IntegrityError:
        return


def describe(outcomes: Iterable[Outcome]) -> str | None:
    """What was done, in one line for people; None where there was nothing to do."""
    rows = list(outcomes)
    counts = Counter(row.action for row in rows if row.outcome == Result.DONE)
    parts = [f"{counts[action]} {word}" for action, word in _DONE_WORDS.items() if counts[action]]
    if waiting := sum(row.outcome == Result.HELD for row in rows):
        parts.append(f"{waiting} to be reviewed")
    if failed := [row for row in rows if row.outcome == Result.FAILED]:
        parts.append(f"{len(failed)} failed (“{failed[0].title}”: {failed[0].reason})")
    return ", ".join(parts) or None


_DONE_WORDS = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.RELINK: "taken up again",
    Action.UNPUBLISH: "unpublished",
    Action.DELETE: "deleted",
    Action.SKIP: "let go of",
}


# --- Runs ---------------------------------------------------------------------------------------------------------


def carry_out(run: CatalogueRun, open_client: OpenClient, must_end: MustEnd = lambda: False) -> bool:
    """Work at a run of kind CONTENT, or at its preview, until it is finished, held, paused or cancelled.

    False when `must_end` asked for an end: call again. What was done already is compared once more, and its items stay.
    Raises Busy, ShopifyError. Safe to repeat.
    """
    now = timezone.now()
    begun = CatalogueRun.objects.filter(pk=run.pk, state__in=(State.PLANNING, State.RUNNING))
    if not begun.update(state=State.RUNNING, resumed_at=now, resumed_done=run.done, progressed_at=now):
        return True
    comparison = Comparison(run.connection, open_client, is_preview=run.is_preview, is_released=run.is_released)
    with work_alone(run.connection, LOCK_NAME):
        for number, outcome in enumerate(comparison.outcomes()):
            _save_item(run, outcome)
            if not _is_running(run) or (number % COUNTED_ROWS == 0 and not _count(run)):
                return True  # paused or cancelled by an operator
            if must_end():
                return False
    is_held = bool(comparison.hold_reason) and not run.is_preview
    _count(run)
    if comparison.errors and not is_held:
        raise comparison.errors[0]
    CatalogueRun.objects.filter(pk=run.pk, state=State.RUNNING).update(
        state=State.HELD if is_held else State.FINISHED,
        hold_reason=comparison.hold_reason,
        message=str(comparison.errors[0]) if comparison.errors else "",
        finished_at=None if is_held else timezone.now(),
    )
    if not run.is_preview and not comparison.errors:
        _mark(run.connection.catalogue, "polled_at", "content_compared_at")
    return True


def _save_item(run: CatalogueRun, outcome: Outcome) -> None:
    """Remember an outcome; what the run did to a thing is not forgotten for finding it equal afterwards."""
    items = CatalogueRunItem.objects.filter(run=run, source_gid=outcome.source_gid)
    if outcome.action == Action.EQUAL and items.filter(outcome=Result.DONE).exists():
        return
    is_over = outcome.outcome not in (Result.PLANNED, Result.HELD)
    CatalogueRunItem.objects.update_or_create(
        run=run,
        source_gid=outcome.source_gid,
        defaults={
            "destination_gid": outcome.destination_gid,
            "title": outcome.title[:512],
            "action": outcome.action,
            "outcome": outcome.outcome,
            "reason": outcome.reason,
            "failure": outcome.failure,
            "differences": list(outcome.differences),
            "finished_at": timezone.now() if is_over else None,
        },
    )


def _is_running(run: CatalogueRun) -> bool:
    return CatalogueRun.objects.filter(pk=run.pk, state=State.RUNNING).exists()


def _count(run: CatalogueRun) -> bool:
    """Bring the run's numbers up to date; False if it is no longer running."""
    counts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    groups = run.items.order_by().values_list("action", "outcome").annotate(count=Count("pk"))
    for action, outcome, count in groups:
        outcomes[outcome] += count
        if outcome != Result.FAILED:
            counts[action] += count
    total = outcomes.total()
    done = total if run.is_preview else total - outcomes[Result.PLANNED] - outcomes[Result.HELD]
    expected = max(total, run.connection.resource_links.exclude(state=ResourceLink.State.UNLINKED).count())
    return bool(
        CatalogueRun.objects.filter(pk=run.pk, state=State.RUNNING).update(
            total=expected, done=done, failed=outcomes[Result.FAILED], counts=counts, progressed_at=timezone.now()
        )
    )
