"""What collections, pages, blogs and articles have in common: find the partner, decide, write, remember.

Matched by handle once, by id from then on. A creation is recorded before it is asked for, so that one whose answer was
lost is found again by the handle it was sent with and never made twice; a partner is claimed before it is written to,
so that two sources never take turns with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.utils import timezone

from stores.models import CatalogueSettings, Connection, ResourceLink, SyncMode
from stores.shopify.errors import ObjectNotFound, UserErrors
from syncing.catalogue import referred_files, unpublished
from syncing.catalogue.claims import check_unclaimed, claim
from syncing.catalogue.content import succession
from syncing.catalogue.content.content_metafields import without_fields
from syncing.catalogue.content.handles import Rooms
from syncing.catalogue.content.resource import CHANNELS, SENT_AS, TAKEN_FROM, Made, Resource
from syncing.catalogue.content.unlinking import forget_taken, taken_by_others
from syncing.catalogue.outcome import Blocked, Outcome, action_of, outcome_of
from syncing.catalogue.refusals import OneRefused, Tries, read_each
from syncing.catalogue.rules import fields
from syncing.catalogue.rules.content import HANDLE, IMAGE, IN_BLOG, TITLE
from syncing.catalogue.rules.fields import IGNORE, SYNC, Judge, Policy
from syncing.catalogue.rules.fingerprint import fingerprint
from syncing.models import CatalogueRunItem

Action, Result = CatalogueRunItem.Action, CatalogueRunItem.Outcome
State = ResourceLink.State

# Where ResourceLink.written remembers which address of the destination an image of the source became.
IMAGE_SEEN = "image addresses"
IDENTITY = (TITLE, HANDLE, IN_BLOG, "type")  # by which the thing that was sent is known


@dataclass(eq=False)
class _Case:
    """One thing of the source on its way; `link` may not be saved yet.

    `sent_handle` is that of a creation whose answer did not come, which the source may have renamed since.
    """

    record: Any
    link: ResourceLink
    wanted: dict[str, Any]
    mark: str
    notes: list[str] = field(default_factory=list)
    sent_handle: str = ""
    awaits: list[str] = field(default_factory=list)


class Follower:
    """Makes things of one kind in a connection's destination what they are in its source.

    `is_preview`: nothing is written, neither to Shopify nor to our rows. `skips_unchanged`: what would be written is
    what was written last, so the destination is not even read.
    """

    def __init__(
        self, connection: Connection, resource: Resource, *, is_preview: bool = False, skips_unchanged: bool = False
    ) -> None:
        self.connection, self.resource = connection, resource
        self.settings: CatalogueSettings = connection.catalogue
        self.is_preview, self.skips_unchanged = is_preview, skips_unchanged
        self._tries = Tries()
        self._rooms = Rooms(connection, resource)
        self._metafields = resource.metafields
        self.replaced: set[str] = set()  # source gids of what was made again under another one

    def follow(self, records: Sequence[Any]) -> Iterator[Outcome]:
        """Carry these things, one outcome each; one that is refused does not stop the others.

        Raises ShopifyError for what is not about a single thing.
        """
        self._metafields.learn([record.gid for record in records])
        links, cases = self._current_links(records), []
        self._rooms.links = links
        for record in records:
            link = links[record.gid]
            try:
                cases.append(self._tries.make(partial(self._case, record, link)))
            except Blocked as blocked:
                yield self._block(record, link, str(blocked))
            except OneRefused as refused:  # what belongs to it cannot be read
                link.note_source(record)
                yield self._fail(_Case(record, link, {HANDLE: record.handle}, ""), refused)
        due = [case for case in cases if not self._is_unchanged(case)]
        gids = [case.link.destination_gid for case in due if case.link.destination_gid]
        partners = self._read(gids)
        self._metafields.learn_there(gids)
        for case in cases:
            yield self._carry(case, partners) if case in due else self._skip(case)
            self._tries.check_store()

    def _read(self, gids: Sequence[str]) -> dict[str, Any]:
        """The partners, None for one that is gone; without those that cannot be read, which is told at their turn."""
        found, unread = read_each(lambda some: [*self.resource.read(some).values()], gids)
        return dict.fromkeys(set(gids) - unread.keys()) | {record.gid: record for record in found}

    def _case(self, record: Any, link: ResourceLink) -> _Case:
        values, notes, awaits = self._metafields.wanted(record.gid, link.written)
        wanted = self.resource.wanted(record) | values
        mark = fingerprint([self.resource.kind, self.resource.mode, self.settings.edited, wanted])
        is_sent = link.is_created and link.state in (State.CREATING, State.FAILED) and not link.destination_gid
        sent_handle = link.handle if is_sent else ""
        link.note_source(record)
        return _Case(record, link, wanted, mark, [*self.resource.notes(wanted), *notes], sent_handle, awaits)

    def _is_unchanged(self, case: _Case) -> bool:
        # What failed is tried again each time: it is never told of as if nothing were wrong with it.
        is_settled = case.link.state in (State.LINKED, State.UNMATCHED)
        return self.skips_unchanged and case.link.fingerprint == case.mark and is_settled

    def _skip(self, case: _Case) -> Outcome:
        if not self.is_preview:
            case.link.awaits = case.awaits
            case.link.save(update_fields=["title", "handle", "source_updated_at", "changed_at", "awaits"])
        return self._outcome(case, Action.EQUAL, Result.DONE, case.link.reason)

    def _carry(self, case: _Case, partners: Mapping[str, Any]) -> Outcome:
        known = dict(partners)

        def forget() -> None:
            known.clear()
            self.resource.forget()

        def carry() -> Outcome:
            # The thing that is linked, else the one with the same identity.
            gid = case.link.destination_gid
            partner = known.get(gid) if gid in known or not gid else self.resource.read([gid]).get(gid)
            if partner is None and (gid := self._find(case)):
                gid = gid if self.is_preview else self._rooms.vacate(case.wanted, gid, case.link)
                partner = self.resource.read([gid]).get(gid) if gid else None
            return self._create(case) if partner is None else self._update(case, partner)

        try:
            return self._tries.make(carry, forget)
        except Blocked as blocked:
            return self._leave(case, State.CONFLICT, str(blocked), Result.FAILED)
        except (UserErrors, ObjectNotFound, OneRefused) as error:
            return self._fail(case, error)

    def _links(self, records: Sequence[Any]) -> dict[str, ResourceLink]:
        rows = self.connection.resource_links.filter(source_gid__in=[record.gid for record in records])
        known = {link.source_gid: link for link in rows}
        return {
            record.gid: known.get(record.gid)
            or ResourceLink(
                connection=self.connection,
                destination_id=self.connection.destination_id,
                kind=self.resource.kind,
                source_gid=record.gid,
            )
            for record in records
        }

    def _current_links(self, records: Sequence[Any]) -> dict[str, ResourceLink]:
        """Their links; of what was deleted in the source and made again, the one that it had."""
        own = self._links(records)
        try:
            links = succession.hand_over(self.connection, self.resource, records, own)
        except Blocked:  # an article without its blog: said where it is carried
            return own
        for record in records:
            if links[record.gid] is not own[record.gid]:
                self.replaced.add(links[record.gid].source_gid)
                succession.replace(links[record.gid], own[record.gid], record, is_preview=self.is_preview)
        return links

    def _find(self, case: _Case) -> str:
        """The gid of what has its handle in the destination, or the one that a lost creation was sent with; or ''."""
        gid = self.resource.find(case.wanted)
        if not gid and case.sent_handle not in ("", case.wanted[HANDLE]):
            gid = self.resource.find({**case.wanted, HANDLE: case.sent_handle})
        return gid

    # What is not there

    def _create(self, case: _Case) -> Outcome:
        link = case.link
        if self.resource.mode == SyncMode.UPDATE_ONLY:
            reason = f"The destination has no {link.kind} with the handle “{case.record.handle}”, and none is created."
            return self._leave(case, State.UNMATCHED, reason)
        if self.is_preview:
            return self._outcome(case, Action.CREATE, Result.PLANNED)
        link.state, link.destination_gid, link.reason, link.fingerprint = State.CREATING, "", "", ""
        sent = {name: case.wanted[name] for name in IDENTITY if name in case.wanted}
        link.is_created, link.written, link.synced_at = True, {SENT_AS: sent}, None
        self._save(link)
        made = self.resource.create(without_fields(case.wanted))
        link.destination_gid = made.gid
        link.save(update_fields=["destination_gid", "changed_at"])
        if self.resource.is_composite:
            partner = self.resource.read([made.gid]).get(made.gid)
            if partner is None:
                raise ObjectNotFound(f"{made.gid} was deleted while it was made.")
            link.written = {IMAGE_SEEN: self._seen(case, made.image_url)}
            return self._update(case, partner)
        refused = self._metafields.write(made.gid, case.wanted, case.notes)
        made = replace(made, left_out=(*made.left_out, *refused))
        judge = Judge(self._policy(is_new=True), {})
        for name, value in case.wanted.items():
            judge.set_anew(name, value, judge.written)
        case.notes += [*made.notes, *self._handle_notes(case, made)]
        return self._finish(case, Action.CREATE, judge.written, made)

    # What is there

    def _update(self, case: _Case, partner: Any) -> Outcome:
        link = case.link
        is_new = link.is_created and link.synced_at is None  # a creation that is not complete
        if self.resource.mode == SyncMode.CREATE_ONLY and not link.is_created:
            reason = f"The destination has a {link.kind} with this handle already, which is not touched (Create only)."
            return self._leave(case, link.state if link.state == State.LINKED else State.UNMATCHED, reason)
        check_unclaimed(link, partner.gid)
        written = {name: value for name, value in link.written.items() if name not in self.resource.always_ours}
        judge = Judge(self._policy(is_new=is_new), written)
        current = self.resource.current(partner, case.wanted, self._source_url(link, partner))
        current |= self._metafields.current(partner.gid, case.wanted)
        changes = self._judge(judge, case.wanted, current)
        is_due = HANDLE in changes and not self.is_preview
        if is_due and (why := self._rooms.why_held(case.wanted, partner.gid)):
            del changes[HANDLE]
            case.notes.append(f"{why}: here it is “{partner.handle}”.")
        taken = self._taken_by_others(case, partner.gid)
        is_back = link.state == State.UNLINKED or bool(taken)
        action = action_of(is_new=is_new, is_back=is_back, is_changed=bool(changes))
        rows = tuple(difference.as_row() for difference in judge.differences)
        if self.is_preview:
            result = Result.DONE if action == Action.EQUAL else Result.PLANNED
            return replace(self._outcome(case, action, result), destination_gid=partner.gid, differences=rows)
        channels, _ = judge.written.pop(TAKEN_FROM, taken), judge.written.pop(SENT_AS, None)
        claim(link, partner.gid, State.CREATING if is_new else State.LINKED)
        if channels:
            self.resource.show_again(partner.gid, channels)
            forget_taken(link)
        made = Made(partner.gid, partner.handle, getattr(partner, "image_url", ""))
        if plain := without_fields(changes):
            made = self._write(case, partner, plain, current)
            self._rooms.settle()
        refused = self._metafields.write(partner.gid, changes, case.notes)
        made = replace(made, left_out=(*made.left_out, *refused))
        if judge.kept:
            case.notes.append(f"Edited in the destination, and kept: {', '.join(judge.kept)}.")
        return replace(self._finish(case, action, judge.written, made), differences=rows)

    def _taken_by_others(self, case: _Case, gid: str) -> list[str]:
        """The channels that it comes back to, which another connection took it from: the chosen ones, or those."""
        is_shown = bool(getattr(case.record, "publication_gids", ()))
        if not is_shown or self.resource.policies().get(CHANNELS, IGNORE) == IGNORE:
            return []
        found = [one for other in taken_by_others(case.link, gid) for one in other.written[TAKEN_FROM]]
        found += unpublished.channels_of(case.link.destination_id, gid)
        return list(case.wanted[CHANNELS] or dict.fromkeys(found)) if found else []

    def _judge(self, judge: Judge, wanted: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in wanted.items()
            if judge.judge(
                name, value, current.get(name), judge.written, shown=self.resource.show(name, value, current.get(name))
            )
        }

    def _write(self, case: _Case, partner: Any, changes: dict[str, Any], current: Mapping[str, Any]) -> Made:
        """Write; where only the handle cannot be had, all but the handle."""
        rest = {name: value for name, value in changes.items() if name != HANDLE}
        try:
            made = self.resource.update(partner, changes, current)
        except UserErrors as error:
            if HANDLE not in changes or not is_taken(error):
                raise
        else:
            if HANDLE not in changes or made.handle == changes[HANDLE]:
                case.notes += made.notes
                return made
        # A blog whose new handle is taken answers as if nothing were wrong, and nothing was changed (shopify.md 8.3).
        made = Made(partner.gid, partner.handle, getattr(partner, "image_url", ""))
        if rest:
            made = self.resource.update(partner, rest, current)
        case.notes += [*made.notes, *self._handle_notes(case, made)]
        return made

    @staticmethod
    def _handle_notes(case: _Case, made: Made) -> list[str]:
        wanted = case.wanted[HANDLE]
        if made.handle == wanted:
            return []
        return [f"The handle “{wanted}” is taken in the destination, where it is “{made.handle}”."]

    # What is remembered

    def _policy(self, *, is_new: bool) -> Policy:
        policies = dict(_Synced(self.resource.policies() | self._metafields.policies()))
        if is_new:  # what is set at creation only is set until the creation is complete
            policies = {name: SYNC if value == fields.CREATE_ONLY else value for name, value in policies.items()}
        return Policy(_Synced(policies), keeps_edits=self.settings.edited == CatalogueSettings.Edited.KEEP)

    def _finish(self, case: _Case, action: str, written: dict[str, Any], made: Made) -> Outcome:
        link = case.link
        written = {name: value for name, value in written.items() if name not in made.left_out}
        if HANDLE in written:
            written[HANDLE] = made.handle
        if IMAGE in case.wanted:
            written[IMAGE_SEEN] = self._seen(case, made.image_url)
        link.written, link.reason, link.unlinked_at = written, " ".join(case.notes), None
        link.awaits = case.awaits
        referred_files.want(self.connection, case.awaits)
        if action != Action.EQUAL or link.synced_at is None:
            link.synced_at = timezone.now()
        claim(link, link.destination_gid, State.LINKED, case.mark)
        return self._outcome(case, action, Result.DONE, link.reason)

    @staticmethod
    def _seen(case: _Case, url: str) -> dict[str, str]:
        return {"source": (case.wanted.get(IMAGE) or {}).get("url", ""), "destination": url}

    @staticmethod
    def _source_url(link: ResourceLink, partner: Any) -> str:
        """The address in the source of the partner's image, if it is the one that we sent; else its own."""
        url, seen = getattr(partner, "image_url", ""), link.written.get(IMAGE_SEEN) or {}
        # Shopify does not always tell the address at once: then it is taken for ours.
        return seen["source"] if url and seen.get("source") and seen["destination"] in ("", url) else url

    def _leave(self, case: _Case, state: str, reason: str, result: str = Result.SKIPPED) -> Outcome:
        link = case.link
        link.state, link.reason, link.fingerprint = state, reason, case.mark
        if state != State.LINKED:
            link.destination_gid = ""
        self._save(link)
        failure = CatalogueRunItem.Failure.UNMATCHED if result == Result.FAILED else ""
        return self._outcome(case, Action.SKIP, result, reason, failure)

    def _fail(self, case: _Case, error: UserErrors | ObjectNotFound | OneRefused) -> Outcome:
        link = case.link
        taken = isinstance(error, UserErrors) and is_taken(error)
        link.state, link.fingerprint = (State.CONFLICT if taken else State.FAILED), case.mark
        # Of a creation whose answer was lost nobody knows: it is looked for by its handle the next time.
        link.is_created = link.is_created and (bool(link.destination_gid) or isinstance(error, OneRefused))
        link.reason = f"The handle “{case.wanted[HANDLE]}” is taken in the destination." if taken else str(error)
        self._save(link)
        action = Action.UPDATE if link.destination_gid else Action.CREATE
        return self._outcome(case, action, Result.FAILED, link.reason, CatalogueRunItem.Failure.REJECTED)

    def _block(self, record: Any, link: ResourceLink, reason: str) -> Outcome:
        case = _Case(record, link, {}, "")
        link.note_source(record)
        state = State.UNMATCHED if link.state in (State.CREATING, State.UNLINKED, "") else link.state
        link.state, link.reason, link.fingerprint, link.awaits = state, reason, "", []
        self._save(link)
        return self._outcome(case, Action.SKIP, Result.SKIPPED, reason)

    def _save(self, link: ResourceLink) -> None:
        if not self.is_preview:
            link.save()

    @staticmethod
    def _outcome(case: _Case, action: str, result: str, reason: str = "", failure: str = "") -> Outcome:
        return outcome_of(case.link, action, result, reason, failure)


class _Synced(dict):
    """Policies of fields: SYNC for every field that is not named."""

    def __missing__(self, name: str) -> str:
        return SYNC


def save_cursor(settings: CatalogueSettings, name: str, value: str) -> None:
    """Remember up to where something was read, beside what others remember."""
    settings.refresh_from_db(fields=["content_cursors"])
    settings.content_cursors = {**settings.content_cursors, name: value}
    settings.save(update_fields=["content_cursors"])


def is_taken(error: UserErrors) -> bool:
    """Whether a handle is taken; collections have no code for it."""
    return any(
        row.code == "TAKEN" or ("handle" in map(str, row.field) and "taken" in row.message) for row in error.errors
    )
