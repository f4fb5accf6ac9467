"""Catalogue runs as operators see them: start, pause, resume, cancel, release, discard; and which are due anyway.

What a run does stands in `run_plan` and `run_work`. None of these functions does it: they change rows, and whoever
calls them has a job enqueued.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from stores.ages import is_over, over
from stores.models import CatalogueSettings, Connection, ProductLink, ResourceLink, Store, SyncMode
from syncing.catalogue.policy import policy_of_today, pricing_digest, settings_digest
from syncing.catalogue.products.writes.own_variants import keep_held
from syncing.models import CatalogueRun, CatalogueRunItem

Kind, State = CatalogueRun.Kind, CatalogueRun.State
Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome

COMPARED_EVERY = timedelta(days=1)
SETTLED_AFTER = timedelta(minutes=1)  # settings are entered one after the other


class RunRefused(Exception):
    """A run cannot be started, or is not in the state for what is asked; the message says why, for operators."""

    failure = "misconfigured"  # for syncing.queue.jobs: trying again changes nothing


def start(
    connection: Connection,
    kind: str = Kind.ALL,
    *,
    is_preview: bool = False,
    by: Any = None,
    retried: CatalogueRun | None = None,
) -> CatalogueRun:
    """Open a run, or a preview of one, for a job to carry out; FIRST also starts the catalogue. `by` is a user.

    RETRY needs the run whose failed ones are `retried`. Raises RunRefused.
    """
    settings = CatalogueSettings.objects.filter(connection=connection).first()
    if settings is None:
        raise RunRefused("Product sync is not set up for this connection yet: choose first what follows.")
    if reason := _why_refused(connection, settings, kind, is_preview=is_preview):
        raise RunRefused(reason)
    if kind == Kind.RETRY and retried is None:
        raise RunRefused("Choose the run whose failed products are to be tried again.")
    if kind == Kind.FIRST and not is_preview:
        settings.start()
    try:
        with transaction.atomic():
            begun_with = {} if is_preview else _supersede(connection, kind)
            return CatalogueRun.objects.create(
                connection=connection,
                kind=kind,
                is_preview=is_preview,
                requested_by=by,
                retried=retried,
                begun_with=begun_with,
            )
    except IntegrityError:
        raise RunRefused("Another sync run of this connection is under way: wait for its end, or end it.") from None


def retry(run: CatalogueRun, by: Any = None, *, is_preview: bool = False) -> CatalogueRun:
    """Open a run, or a preview of one, for what failed in this one.

    Of products it looks at those alone. Collections and content are compared anew, which tries again what failed and
    costs no write for the rest. Raises RunRefused.
    """
    kind = Kind.CONTENT if run.kind == Kind.CONTENT else Kind.RETRY
    return start(run.connection, kind, is_preview=is_preview, by=by, retried=run)


def _supersede(connection: Connection, kind: str) -> dict[str, Any]:
    """Let a run that is held make room for one that finds by itself what the held one would remove.

    Returns what the new run is to remember of it (see run_plan): what was held is held again. Raises RunRefused.
    """
    held = connection.catalogue_runs.filter(state=State.HELD, is_preview=False)
    held = held.filter(kind=kind) if kind == Kind.CONTENT else held.exclude(kind=Kind.CONTENT)
    run = held.first()
    if run is None:
        return {}
    if kind == Kind.RETRY:
        raise RunRefused("A run of this connection waits for a decision: release or discard it first.")
    words = "Another run took its place, and asks again about what is still to go."
    if not held.filter(pk=run.pk).update(state=State.CANCELLED, finished_at=timezone.now(), message=words):
        return {}  # released or discarded at this very moment
    return {"supersedes": run.pk}


def _why_refused(connection: Connection, settings: CatalogueSettings, kind: str, *, is_preview: bool) -> str:
    if not is_preview:
        return connection.why_inert() if kind == Kind.FIRST else settings.why_inert()
    for store in (connection.source, connection.destination):
        if store.is_paused or store.status == Store.Status.DISCONNECTED:
            return f"The store {store} is paused or disconnected."
    return ""


def disconnect(connection: Connection, unlink: str, by: Any = None) -> CatalogueRun:
    """End the catalogue of a connection: `unlink` (CatalogueSettings.Unlink) says what happens to its products.

    `count_followers` tells how many these are. No guard holds it: somebody decided. Raises RunRefused.
    """
    if unlink not in CatalogueSettings.Unlink.values:
        raise RunRefused("Choose what happens to the products.")
    with transaction.atomic():
        CatalogueSettings.objects.filter(connection=connection).update(unlink=unlink)
        run = start(connection, Kind.UNLINK, by=by)
        run.is_released, run.released_by, run.released_at = True, by, timezone.now()
        run.begun_with |= {"ends": True}
        run.save()
    return run


def count_followers(connection: Connection) -> int:
    """How many products of the destination follow: what ending the connection concerns."""
    return connection.product_links.filter(state=ProductLink.State.LINKED).count()


# --- What operators do with a run ---------------------------------------------------------------------------------


def pause(run: CatalogueRun) -> None:
    """What is in hand is ended first. Raises RunRefused."""
    _move(run, (State.PLANNING, State.RUNNING), "Only a run that works can be paused.", state=State.PAUSED)


def resume(run: CatalogueRun) -> None:
    """Go on where it stopped. Raises RunRefused."""
    state = State.RUNNING if run.cursor else State.PLANNING
    _move(run, (State.PAUSED,), "Only a paused run can be resumed.", state=state)


def cancel(run: CatalogueRun) -> None:
    """End it; what is done stays done. Raises RunRefused."""
    message = "Cancelled by hand."
    _move(
        run, CatalogueRun.UNDER_WAY, "It has ended.", state=State.CANCELLED, finished_at=timezone.now(), message=message
    )


def release(run: CatalogueRun, by: Any = None) -> None:
    """Let it remove as much as it found. Raises RunRefused."""
    with transaction.atomic():
        is_content = run.kind == Kind.CONTENT  # which compares once more, and finds by itself what is to go
        _move(
            run,
            (State.HELD,),
            "Only a run that needs review can be released.",
            state=State.RUNNING,
            is_released=True,
            released_by=by,
            released_at=timezone.now(),
        )
        if not is_content:
            run.items.filter(outcome=Result.HELD).update(outcome=Result.PLANNED, finished_at=None)


def discard(run: CatalogueRun, by: Any = None) -> None:
    """Remove nothing: products that were to go stay as they are and no longer follow; those that were to lose variants
    keep them, and follow. Raises RunRefused.
    """
    words = f"Kept as it is by {by or 'a user'}."
    now = timezone.now()
    with transaction.atomic():
        _move(
            run, (State.HELD,), "Only a run that needs review can be discarded.", state=State.FINISHED, finished_at=now
        )
        held = run.items.filter(outcome=Result.HELD)
        if run.kind != Kind.CONTENT:
            leaving = held.filter(action__in=(Action.UNPUBLISH, Action.DELETE))
            staying = held.exclude(pk__in=leaving.values("pk"))
            keep_held(run.connection.product_links.filter(source_gid__in=staying.values("source_gid")))
            run.connection.product_links.filter(source_gid__in=leaving.values("source_gid")).update(
                state=ProductLink.State.UNLINKED,
                unlink_done=ProductLink.Done.LEFT,
                departure=ProductLink.UnlinkReason.NOT_SELECTED,
                unlinked_at=now,
                fingerprint="",
                reason=words,
            )
        else:
            _keep_content(run.connection, list(held.values_list("source_gid", flat=True)), words)
        held.update(outcome=Result.SKIPPED, reason=words, finished_at=now)


def _keep_content(connection: Connection, source_gids: list[str], words: str) -> None:
    """Collections and content that were to go stay, and no longer follow: nobody is asked about them again.

    What of them comes back in the source is followed again. They do not count as removed.
    """
    links = connection.resource_links.filter(source_gid__in=source_gids)
    links.update(state=ResourceLink.State.UNLINKED, unlinked_at=None, fingerprint="", reason=words)


def _move(run: CatalogueRun, states: tuple[str, ...], refusal: str, **values: Any) -> None:
    # One conditional update: a worker may end the run at this very moment.
    if not CatalogueRun.objects.filter(pk=run.pk, state__in=states).update(**values):
        raise RunRefused(refusal)
    run.refresh_from_db()


# --- What is due by itself ----------------------------------------------------------------------------------------


def find_startable(now: datetime) -> QuerySet[CatalogueSettings]:
    """The catalogues for which a run could be started now.

    A held run is no obstacle: `start` lets it make room.
    """
    under_way = CatalogueRun.objects.filter(state__in=CatalogueRun.UNDER_WAY, is_preview=False)
    under_way = under_way.exclude(state=State.HELD).exclude(kind=Kind.CONTENT)
    rows = CatalogueSettings.objects.filter(over("changed_at", SETTLED_AFTER, now), started_at__isnull=False)
    rows = rows.exclude(connection__in=under_way.values("connection"))
    return rows.select_related("connection__source", "connection__destination")


def due_kind(settings: CatalogueSettings, now: datetime) -> str:
    """The kind of run that a catalogue needs: for new prices, other settings, or because a day went by; '' for none."""
    if settings.why_inert():
        return ""
    if not settings.synced_with:
        return Kind.FIRST
    policy = policy_of_today(settings)
    if settings.synced_with != settings_digest(settings, policy):
        return Kind.ALL
    if settings.product_mode == SyncMode.OFF:
        return ""
    if settings.priced_with != pricing_digest(policy):
        return Kind.PRICES
    compared_at = settings.products_compared_at
    return Kind.ALL if compared_at is None or is_over(compared_at, COMPARED_EVERY, now) else ""


def unfinished() -> list[CatalogueRun]:
    """Runs that a job should be at."""
    rows = CatalogueRun.objects.filter(Q(state=State.PLANNING) | Q(state=State.RUNNING))
    return list(rows.select_related("connection__source", "connection__destination"))
