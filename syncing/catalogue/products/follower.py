"""Products: read, compare, write, remember. Source to destination only.

A creation is recorded before it is asked for, so that one whose answer was lost is found again by its handle and its
looks, and never made twice. A partner is claimed before it is written to, so that two sources never take turns with it.
What was written counts as written only after every call succeeded; all of it is safe to repeat.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from stores.clients import OpenClient
from stores.linking.linking import MatchProduct
from stores.models import Connection, ProductLink, SyncMode
from stores.shopify.errors import ObjectNotFound, ShopifyError, UserErrors, VariantLimitReached
from stores.shopify.products import product_heads, product_records
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue import foreseeing, twins
from syncing.catalogue.claims import check_unclaimed, claim
from syncing.catalogue.exclusive import Busy, work_alone_at_each
from syncing.catalogue.outcome import Blocked, Outcome, action_of, outcome_of
from syncing.catalogue.policy import policy_of_today
from syncing.catalogue.products import files, handles, lost_creations, opening_stock, pairing, succession, waiting
from syncing.catalogue.products.cases import Case, Written, load_cases, load_links, pairs_by_options
from syncing.catalogue.products.finishing import awaiting_images, finish_each, finish_row, leave, note_unchanged, spare
from syncing.catalogue.products.product_metafields import ProductMetafields
from syncing.catalogue.products.reading import Reading
from syncing.catalogue.products.remarks import DELETED_MEANWHILE, conflicts_of, remarks_of, rows_of, why_not_created
from syncing.catalogue.products.writes import on_sale, writing
from syncing.catalogue.products.writes.in_bulk import InBulk
from syncing.catalogue.products.writes.own_variants import REPLACING, Removals
from syncing.catalogue.refusals import OneRefused, Tries
from syncing.catalogue.rules.desired import build
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.parts.made import Desired, Verdict
from syncing.models import CatalogueRunItem

Action, Result, Failure = CatalogueRunItem.Action, CatalogueRunItem.Outcome, CatalogueRunItem.Failure
State = ProductLink.State

BATCH = product_records.PRODUCTS_PER_READ
LOCK_NAME = "product"
Compare = Callable[..., Desired]


class ProductFollower:
    """Makes products of a connection's destination what they are in its source.

    `is_preview`: nothing is written, neither to Shopify nor to our rows. `skips_unchanged`: what was written last is
    not even read. After `follow`: `to_wire` are products whose stock must be wired, `awaiting` those with images that
    are not ready, `busy` those in other hands, without outcomes, as what `removals` or `in_bulk` take.
    """

    def __init__(
        self,
        connection: Connection,
        open_client: OpenClient,
        *,
        is_preview: bool = False,
        skips_unchanged: bool = True,
        removals: Removals | None = None,
        in_bulk: InBulk | None = None,
        readings: tuple[Reading, Reading] | None = None,
        match: MatchProduct,
    ) -> None:
        self.connection, self.mode = connection, connection.catalogue.product_mode
        self.is_preview, self.skips_unchanged = is_preview, skips_unchanged
        self.policy = policy_of_today(connection.catalogue)
        self._open_client, self._bulk, self._match = open_client, in_bulk or InBulk(), match
        self.source_client, self.client = open_client(connection.source), open_client(connection.destination)
        self._source, self._reading = readings or (Reading(self.source_client), Reading(self.client))
        self.to_wire, self.awaiting, self.busy = set[str](), set[str](), set[str]()
        self._written, self._files = list[Written](), dict[str, str]()
        self._stock: opening_stock.OpeningStock = {}
        self._channels, self.removals = on_sale.Channels(self.client, self.policy), removals or Removals(connection)
        self._partners, self._made = dict[str, ProductRecord | None](), dict[str, tuple[str, Desired]]()
        self._tries, self._clear = Tries(), frozenset[str]()
        self._metafields = ProductMetafields(connection, self.source_client, self.client)
        self._capped_until: datetime | None = None

    def follow(self, records: Sequence[ProductRecord]) -> Iterator[Outcome]:
        """Carry these products (at most BATCH), one outcome each; one that is refused does not stop the others.

        Raises ShopifyError for what is not about a single product. Safe to repeat, and after an end at any point.
        """
        followed = () if self.mode == SyncMode.OFF else records
        self.policy = self._metafields.learn(self.policy, followed)
        cases = load_cases(self.connection, records, self.policy)
        if self.mode == SyncMode.OFF:
            yield from map(self._carry_stock_only, cases)
            return
        if self.is_preview:
            foreseeing.foresee(self.connection, self.source_client, cases, self.policy)
        due = [case for case in cases if not (self.skips_unchanged and case.is_unchanged)]
        self._made = {} if self.is_preview else self._bulk.made(due, self.policy)
        rest = [case for case in due if case.record.gid not in self._made]
        self._prepare(rest)
        yield from map(self._skip, (case for case in cases if case not in due))
        made = {gid for gid, (_, desired) in self._made.items() if not desired.changes_channels}
        together = made | (set() if self.is_preview else self._bulk.creatable(rest))
        singly = [[case] for case in due if case.record.gid not in together]
        for group in (*singly, [case for case in due if case.record.gid in together]):
            outcomes: list[Outcome] = []
            try:
                self._carry(group, outcomes)
            except ShopifyError:
                yield from outcomes
                raise
            yield from outcomes
        yield from self._complete()

    def _carry(self, cases: Sequence[Case], outcomes: list[Outcome]) -> None:
        """These in one worker: two that created one would make it twice. What is in other hands is `busy`."""
        if self.is_preview or not cases:
            self._carry_each(cases, outcomes)
            return
        with work_alone_at_each(self.connection, LOCK_NAME, [case.record.gid for case in cases]) as free:
            ours = [case for case in cases if case.record.gid in free]
            self.busy |= {case.record.gid for case in cases} - free
            load_links(self.connection, ours)
            new = [case for case in ours if case.record.gid not in self._made]
            self._clear = twins.find_clear(self.connection, new) if len(cases) > 1 else frozenset()
            self._carry_each(ours, outcomes)
            self.busy |= self._bulk.record()
            if len(cases) > 1:
                outcomes += self._complete()

    def _carry_each(self, cases: Sequence[Case], outcomes: list[Outcome]) -> None:
        for case in cases:
            outcomes += filter(None, [self._decide(case)])
            self._tries.check_store()

    def _skip(self, case: Case) -> Outcome:
        link = case.link
        if not self.is_preview:
            note_unchanged(link, case.record, self.policy)
        came = (Action.EQUAL, Result.DONE) if link.state == State.LINKED else (Action.SKIP, Result.SKIPPED)
        return self._outcome(case, *came, link.reason)

    def _carry_stock_only(self, case: Case) -> Outcome:
        """Products do not follow; one that is shared again follows with its stock."""
        reason = "Products do not follow, only their stock does."
        if case.link.state == State.UNLINKED:
            return self._leave(case, State.UNMATCHED, reason)
        return self._outcome(case, Action.SKIP, Result.SKIPPED, reason)

    def _prepare(self, due: Sequence[Case]) -> None:
        """Read at once what all of them need: the partners, the files, the first quantities of what is created."""
        self._capped_until = waiting.capped_until(self.connection.destination_id)
        gids = {gid for case in due for gid in {case.link.destination_gid, *case.partners} if gid}
        self._partners = self._reading.partners(gids)
        records = [case.record for case in due]
        self._files = files.known_files(self.connection.destination, records, self.policy.partners)
        self._stock = {}
        if not self.is_preview:
            self.to_wire |= pairing.free_of_deleted(self.connection, due, self._partners, self.policy, self._match)
            growing = [case.record for case in due if self._may_grow(case)]
            self._stock = opening_stock.opening_stock(self.connection, self._source, growing)

    def _may_grow(self, case: Case) -> bool:
        has_partner = bool(case.link.destination_gid or case.partners)
        is_done = len(case.linked) == len(case.record.variants) or self.policy.lacks_rate
        return not (is_done or self._capped_until) and (has_partner or self.mode != SyncMode.UPDATE_ONLY)

    def _partner(self, gid: str) -> ProductRecord | None:
        if gid and gid not in self._partners:
            self._partners[gid] = product_records.read_whole_product(self.client, gid)
        return self._partners.get(gid)

    def _decide(self, case: Case) -> Outcome | None:
        if case.is_overtaken and not self.is_preview:
            return self._outcome(case, Action.EQUAL, Result.DONE, "A newer state of it was synced meanwhile.")

        def carry() -> Outcome | None:
            if self._go_on(case):
                return None
            lost_creations.check_alone(case.link, case.partners, self._partner)
            partner = self._partner(case.partner_gid()) or self._lost_creation(case) or self._met(case)
            return self._create(case) if partner is None else self._update(case, partner)

        try:
            return self._tries.make(carry, self._partners.clear)
        except Busy:
            self.busy.add(case.record.gid)
            return None
        except Blocked as blocked:
            return self._leave(case, State.CONFLICT, str(blocked), Failure.UNMATCHED)
        except VariantLimitReached:
            self._capped_until = waiting.next_try(case.link)
            return self._wait(case)
        except (UserErrors, ObjectNotFound) as error:
            return self._leave(case, State.FAILED, str(error), Failure.REJECTED)
        except OneRefused as refused:
            retry_at = waiting.try_again_at(case.link) if refused.may_pass else None
            return self._leave(case, State.FAILED, str(refused), Failure.REJECTED, retry_at)

    def _wait(self, case: Case) -> Outcome:
        """It is created another day; for a currency rate it waits until a run finds one."""
        until = None if self.policy.lacks_rate else self._capped_until
        reason = waiting.why_not_made(self.connection.destination, until)
        outcome = self._leave(case, State.WAITING, reason, due_at=until)
        return outcome if self.is_preview else replace(outcome, outcome=Result.WAITING)

    # What is not there

    def _lost_creation(self, case: Case) -> ProductRecord | None:
        """What we were about to create when our worker died, or the answer was lost; None if it was not made."""
        sent = lost_creations.sent_of(case.link)
        if not sent or case.link.destination_gid:
            return None
        partner = self._partner(product_heads.find_by_handle(self.client, sent["handle"]) or "")
        return partner if partner and self._recognise(case, partner, sent) else None

    def _met(self, case: Case) -> ProductRecord | None:
        """What is there by now, of which nobody told this connection: another one may have made it."""
        given = (self.connection, case, self.client, self.policy, self._match)
        makes_none = self.mode == SyncMode.UPDATE_ONLY or case.record.gid in self._clear
        if makes_none or not (foreseeing if self.is_preview else twins).meet(*given):
            return None
        self.to_wire.add(case.record.gid)
        return self._partner(case.partner_gid())

    def _recognise(self, case: Case, partner: ProductRecord, sent: Mapping[str, Any] | None) -> bool:
        """Whether it is what a creation made, whatever became of the source since; its images are known then."""
        made = lost_creations.images_made_of(sent, case.record, partner)
        if made and not self.is_preview:
            files.remember_files(self.connection.destination, [*made], [*made.values()])
        self._files |= {url: media.gid for url, media in (made or {}).items()}
        return made is not None

    def _go_on(self, case: Case) -> bool:
        """Whether a bulk operation has made it: then the rest is done as after a single creation."""
        made_gid, desired = self._made.get(case.record.gid, ("", None))
        if desired is None or not lost_creations.is_unfinished(case.link) or case.link.destination_gid != made_gid:
            return False
        on_sale.put_on_sale(self.client, made_gid, desired)
        self._written.append(Written(case, Verdict(desired), Action.CREATE, is_untouched=not desired.changes_channels))
        return True

    def _create(self, case: Case, handle: str = "", why: str = "") -> Outcome | None:
        if self.mode == SyncMode.UPDATE_ONLY:
            return self._leave(case, State.UNMATCHED, why_not_created(self.connection))
        if case.record.gid not in self._clear and (reason := succession.why_wait(self.connection, case)):
            return self._leave(case, State.UNMATCHED, reason)
        how: dict[str, Any] = {"stock": self._stock, "schedulable": self._channels.schedulable(case.record)}
        desired = build(case.record, None, self.policy, files=self._living_files(case), **how)
        handles.rename(desired, handle, why)
        if desired.is_blocked:
            return self._leave(case, State.CONFLICT, conflicts_of(desired), Failure.REJECTED)
        if self._capped_until or self.policy.lacks_rate:
            return self._wait(case)
        if self.is_preview and foreseeing.is_taken(self.connection, self.client, taken := desired.product["handle"]):
            return self._handle_taken(case, lost_creations.sent_of(case.link), taken)
        if self.is_preview:
            return self._outcome(case, Action.CREATE, Result.PLANNED, remarks_of(desired))
        if self._bulk.create(case, desired, self._metafields.define_new):
            return None
        try:
            writing.create(self.client, self.connection, case, desired, self._metafields)
        except writing.HandleTaken as taken:
            return self._handle_taken(case, taken.sent_before, desired.product["handle"])
        self._written.append(Written(case, Verdict(desired), Action.CREATE))
        return None

    def _handle_taken(self, case: Case, sent_before: Mapping[str, Any] | None, handle: str) -> Outcome | None:
        gid = product_heads.find_by_handle(self.client, handle) or ""
        partner = self._partner(gid)
        if partner and self._recognise(case, partner, sent_before):  # made while we looked whether it was
            return self._update(case, partner)
        case.link.is_created, case.link.written = False, {}
        why = handles.why_another(self.connection, self.policy, handle, gid, case.record.gid)
        if why and (free := handles.free_handle(self.client, handle)):
            return self._create(case, free, why)
        if partner and self.connection.identifier == Connection.Identifier.HANDLE:
            return self._update(case, partner)  # the partner it was looked for by: we had not heard of it yet
        raise Blocked(handles.why_conflict(handle, partner))

    # What is there

    def _update(self, case: Case, partner: ProductRecord) -> Outcome | None:
        link = case.link
        is_new = link.is_created and link.synced_at is None  # a creation that was not completed
        check_unclaimed(link, partner.gid)
        if link.destination_gid != partner.gid and not self.is_preview:
            twins.check_partner(self.connection, partner.handle)
        if self.mode == SyncMode.CREATE_ONLY and not link.is_created:
            return self._spare(case, partner)
        if is_new:
            self._recognise(case, partner, lost_creations.sent_of(link))
        policy = on_sale.completing(self.policy) if is_new else self.policy
        compare = self._comparing(case, partner, policy, {} if is_new else link.written)
        verdict = self.removals.judge(case, partner, compare)
        desired = verdict.desired
        if desired.is_blocked:
            return self._leave(case, State.CONFLICT, conflicts_of(desired), Failure.REJECTED)
        if verdict.is_deferred:
            return None
        retry_at = self._capped_until if waiting.grows(desired) else None
        if retry_at:
            compare = waiting.without_new_variants(compare, policy, link, self.connection.destination, retry_at)
            desired = compare(partner)
        is_back = on_sale.is_back(link, partner.gid, policy)
        action = action_of(is_new=is_new, is_back=is_back, is_changed=desired.changes(self.is_preview))
        if self.is_preview:
            result = Result.DONE if action == Action.EQUAL else Result.PLANNED
            outcome = self._outcome(case, action, result, remarks_of(desired))
            return replace(outcome, destination_gid=partner.gid, differences=rows_of(desired))
        claim(link, partner.gid, State.CREATING if is_new else State.LINKED)
        row = Written(case, replace(verdict, desired=desired), action, retry_at)
        return self._write(row, partner, compare, is_back)

    def _write(self, row: Written, partner: ProductRecord, compare: Compare, is_back: bool) -> Outcome | None:
        is_old = self._reading.is_old(partner.gid) and not row.verdict.desired.is_empty
        if REPLACING & row.verdict.desired.product.keys() or (is_old and row.verdict.desired.product):
            row, is_old = writing.compare_again(self.client, partner.gid, compare, row), False
        case, link, desired = row.case, row.case.link, row.verdict.desired
        self._make_room(case, desired, partner)
        reads = row.action == Action.CREATE or "variants" in desired.product or pairs_by_options(self.connection, case)
        if not (is_back or reads) and self._bulk.gather(row, partner, self._metafields.define):
            return None
        if is_old:
            row = writing.compare_again(self.client, partner.gid, compare, row)
            desired = row.verdict.desired
        try:
            writing.write(self.client, self.connection.destination, partner.gid, desired, self._metafields)
        except VariantLimitReached:
            self._capped_until = waiting.next_try(link)
            return self._update(case, partner)
        if is_back:
            on_sale.bring_back(self.client, link, desired)
            self.to_wire.add(case.record.gid)
        row = replace(row, equal_at=desired.equal_at(partner))
        if reads:
            self._written.append(row)
            return None
        self.awaiting |= awaiting_images([row])
        return finish_row(self.connection, row, self.client.answered_at)

    def _make_room(self, case: Case, desired: Desired, partner: ProductRecord) -> None:
        wanted = desired.product.get("handle")
        moved = handles.make_room(self.connection, self._open_client, desired, partner)
        self._partners.pop(moved, None)
        self._reading.forget(moved)
        if desired.product.get("handle") != wanted:
            case.mark = ""  # nobody tells when it is free

    def _comparing(self, case: Case, partner: ProductRecord, policy: Policy, written: Mapping[str, Any]) -> Compare:
        how: dict[str, Any] = {"linked": case.linked, "files": self._living_files(case, partner), "stock": self._stock}
        how |= {"policy": policy, "written": written, "schedulable": self._channels.schedulable(case.record)}
        return partial(build, case.record, **how)

    def _spare(self, case: Case, partner: ProductRecord) -> Outcome:
        """Create only: what was there already is linked, and not touched."""
        reason = "It was there already, and is not touched (Create only)."
        if not self.is_preview:
            spare(case, partner, reason)
        return self._outcome(case, Action.SKIP, Result.SKIPPED, reason)

    def _living_files(self, case: Case, partner: ProductRecord | None = None) -> dict[str, str]:
        given = (self.client, self.connection, case.record, partner, self._files)
        return files.living_files(*given, forgets=not self.is_preview)

    # What is remembered

    def _complete(self) -> Iterator[Outcome]:
        """Link the variants of what was created or built anew, for which they must be read once more."""
        written, self._written = self._written, []
        if not written:
            return
        alive = pairing.link_variants(
            self.connection, self._reading, self.policy, written, self._metafields, self._files
        )
        self.to_wire |= {row.case.record.gid for row in alive}
        self.awaiting |= awaiting_images(alive)
        with transaction.atomic():
            outcomes, blocked = finish_each(self.connection, alive, self.client.answered_at)
            is_noted = self._bulk.note(outcomes)
        yield from outcomes if not is_noted else ()
        for row in written:
            if row not in alive:
                yield self._leave(row.case, State.FAILED, DELETED_MEANWHILE, Failure.REJECTED)
            elif why := blocked.get(row.case.link.pk):
                yield self._leave(row.case, State.CONFLICT, str(why), Failure.UNMATCHED)

    def _leave(self, case: Case, state: str, reason: str, failure: str = "", due_at: datetime | None = None) -> Outcome:
        """Nothing more is done about it; only what an operator, or another source, must do first is a failure."""
        if not self.is_preview:
            if case.link.state == State.UNLINKED:
                self.to_wire.add(case.record.gid)  # it follows again, at least with its stock
            leave(case, state, reason, due_at, is_failure=bool(failure))
        result = Result.FAILED if failure else Result.SKIPPED
        return self._outcome(case, Action.SKIP, result, reason, failure)

    @staticmethod
    def _outcome(case: Case, action: str, result: str, reason: str = "", failure: str = "") -> Outcome:
        return outcome_of(case.link, action, result, reason, failure, title=case.record.title[:512])
