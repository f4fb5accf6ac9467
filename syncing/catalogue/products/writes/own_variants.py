"""What is removed of products that follow: variants of the destination's own, and what is on sale and its source not.

Variants stay unless the connection's choice says otherwise, then, too, when the products meet first or another link
vouches for them. Nothing goes that is more at once than the guard lets through: a run counts, then removes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from stores.ages import is_over
from stores.models import CatalogueSettings, Connection, ProductLink, VariantLink
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.products import unlinking
from syncing.catalogue.products.cases import Case
from syncing.catalogue.rules.content import why_held
from syncing.catalogue.rules.fields import Action, Field
from syncing.catalogue.rules.parts.made import Desired, Verdict
from syncing.models import CatalogueRunItem

State, Result = ProductLink.State, CatalogueRunItem.Outcome
# Lists of ProductSetInput that replace: what came to the destination a moment ago is in none that was made before.
REPLACING = frozenset({"variants", "files", "tags"})
# In ProductLink.removals.
HELD, KEPT, REMOVED, REMOVED_AT = "held", "kept", "removed", "removed_at"
HELD_SHOWN, SHOWN, HIDDEN_AT = "held_shown", "shown", "hidden_at"
HIDES = "Takes it off sale, as in the source."


@dataclass
class Removals:
    """Who decides about removals for a follower: the guard one by one, or a run that counts them all first.

    `is_counting`: what would lose something is put off, into `deferred` (product of the source -> how many variants,
    and whether it leaves the shop), until `decide` was called. `is_open`: all may go. `reasons`: why variants, and why
    products may not, in words.
    """

    connection: Connection
    is_open: bool = False
    is_counting: bool = False
    reasons: tuple[str, str] | None = None
    variant_count: int = 0
    hidden_count: int = 0
    deferred: dict[str, tuple[int, int]] = field(default_factory=dict)

    def judge(self, case: Case, partner: ProductRecord, compare: Callable[..., Desired]) -> Verdict:
        """Compare, with what may go. `compare` takes the partner, `removable` and `may_hide`."""
        removable = removable_variants(self.connection, case, partner)
        may_hide = not case.link.removals.get(SHOWN)
        desired = compare(partner, removable=removable, may_hide=may_hide)
        gone, hidden = len(desired.removed_variants), int(desired.hides)
        if not (gone or hidden) or self.is_open:
            self.variant_count, self.hidden_count = self.variant_count + gone, self.hidden_count + hidden
            return Verdict(desired)
        if self.is_counting:
            self.deferred[case.record.gid] = gone, hidden
            return Verdict(desired, is_deferred=True)
        of_variants, of_products = self.reasons or self._reasons(gone, hidden)
        of_variants, of_products = of_variants if gone else "", of_products if hidden else ""
        if not (of_variants or of_products):
            return Verdict(desired)
        kept = compare(partner, removable=() if of_variants else removable, may_hide=may_hide and not of_products)
        rows: list[dict[str, Any]] = []
        memory: dict[str, Any] = {}
        if of_variants:
            rows += [row.as_row() for row in desired.differences if row.action == Action.REMOVE]
            memory[HELD] = list(desired.removed_variants)
        if of_products:
            rows += [row.as_row() for row in desired.differences if row.field == Field.PUBLISHING]
            memory[HELD_SHOWN] = True
        what = (desired.removal_words if of_variants else "", of_variants, of_products and HIDES, of_products)
        return Verdict(kept, " ".join(filter(None, what)), tuple(rows), memory)

    def decide(self) -> str:
        """Let what was put off go, or not: then the words that say why."""
        variants, hidden = (sum(counts) for counts in zip(*self.deferred.values(), strict=True))
        self.reasons = self._reasons(variants, hidden)
        self.is_counting, self.deferred = False, {}
        return " ".join(filter(None, self.reasons))

    def why_counted_held(self) -> str:
        """Why what a preview has counted would wait for an operator, in words."""
        return " ".join(filter(None, self._reasons(self.variant_count, self.hidden_count)))

    def _reasons(self, variants: int, hidden: int) -> tuple[str, str]:
        return (
            why_variants_held(self.connection, variants) if variants else "",
            why_hiding_held(self.connection, hidden) if hidden else "",
        )


def removable_variants(connection: Connection, case: Case, partner: ProductRecord) -> frozenset[str]:
    """Variants of the partner that may be removed, if the source has none like them."""
    link = case.link
    has_met = link.destination_gid == partner.gid and link.synced_at is not None and link.state != State.UNLINKED
    if connection.catalogue.own_variants != CatalogueSettings.OwnVariants.REMOVE or not has_met:
        return frozenset()
    gids = {variant.gid for variant in partner.variants}
    return frozenset(gids - _vouched_for(connection, case, gids) - set(link.removals.get(KEPT, [])))


def _vouched_for(connection: Connection, case: Case, gids: Iterable[str]) -> set[str]:
    """Those that a variant which follows now is linked to, or may be: in whichever connection."""
    following = unlinking.following_variants(connection, case.record.gid)
    # Our rows may be older than the product that was just read: what it has lost vouches for nothing.
    lost = Q(connection=connection, source_variant__product_gid=case.record.gid)
    following = following.exclude(lost & ~Q(source_variant__gid__in=[variant.gid for variant in case.record.variants]))
    there = {"destination_variant__store": connection.destination_id, "destination_variant__gid__in": list(gids)}
    linked = following.filter(state=VariantLink.State.LINKED, **there)
    maybe = following.filter(
        state=VariantLink.State.AMBIGUOUS,
        candidates__store=connection.destination_id,
        candidates__gid__in=list(gids),
    )
    found = set(linked.values_list("destination_variant__gid", flat=True))
    return found | set(maybe.values_list("candidates__gid", flat=True))


def why_variants_held(connection: Connection, count: int) -> str:
    """Why removing so many variants has to wait for an operator, in words; '' if it may be done."""
    removed = sum(memory[REMOVED] for memory in _memories(connection) if _is_late(memory, REMOVED_AT))
    total = connection.links.filter(state=VariantLink.State.LINKED).count() + removed
    return _why_held(connection, removed + count, total).replace("things", "variants")


def why_hiding_held(connection: Connection, count: int) -> str:
    """Why taking so many products off sale has to wait for an operator, in words; '' if it may be done.

    Those that stopped following a moment ago count as well.
    """
    left = unlinking.removed_lately(connection)
    hidden = sum(_is_late(memory, HIDDEN_AT) for memory in _memories(connection))
    total = connection.product_links.filter(state=State.LINKED).count() + left
    return (
        _why_held(connection, left + hidden + count, total)
        .replace("remove", "take off sale")
        .replace(" things from the destination", " products")
    )


def _why_held(connection: Connection, count: int, total: int) -> str:
    settings = connection.catalogue
    return why_held(count, total, settings.guard_share, settings.guard_products, settings.guard_minimum)


def _memories(connection: Connection) -> Iterable[dict[str, Any]]:
    return connection.product_links.exclude(removals={}).values_list("removals", flat=True)


def _is_late(memory: dict[str, Any], name: str) -> bool:
    at = memory.get(name)
    return at is not None and not is_over(datetime.fromisoformat(at), unlinking.ONE_RUN, timezone.now())


def remember(link: ProductLink, verdict: Verdict) -> None:
    """What became of it, once it was written. Others write the same column: only this is saved."""
    desired, now = verdict.desired, timezone.now().isoformat()
    dropped = {HELD, HELD_SHOWN} if desired.is_hidden else {HELD, HELD_SHOWN, SHOWN}
    memory = {name: value for name, value in link.removals.items() if name not in dropped} | verdict.memory
    if number := len(desired.removed_variants):
        before = memory[REMOVED] if _is_late(memory, REMOVED_AT) else 0
        memory |= {REMOVED: before + number, REMOVED_AT: now}
    if desired.hides:
        memory[HIDDEN_AT] = now
    if memory != link.removals:
        link.removals = memory
        ProductLink.objects.filter(pk=link.pk).update(removals=memory)


def keep_held(links: Iterable[ProductLink]) -> None:
    """An operator decided: what was to go of these products stays, and is not asked about again."""
    for link in links:
        memory = dict(link.removals)
        memory[KEPT] = sorted({*memory.get(KEPT, []), *memory.pop(HELD, [])})
        if memory.pop(HELD_SHOWN, False):
            memory[SHOWN] = True
        ProductLink.objects.filter(pk=link.pk).update(removals=memory, fingerprint="")


def is_settled(link: ProductLink, verdict: Verdict) -> bool:
    """Whether an equal fingerprint may spare the next look: not while something of the destination's is to go."""
    if verdict.reason:
        return False
    if link.connection.catalogue.own_variants != CatalogueSettings.OwnVariants.REMOVE:
        return True
    return not set(verdict.desired.own_variants) - set(link.removals.get(KEPT, []))


def with_hold(outcome: Outcome, verdict: Verdict) -> Outcome:
    """The outcome with what waits for an operator."""
    if not verdict.reason:
        return outcome
    rows = (*outcome.differences, *verdict.held)
    action = CatalogueRunItem.Action.UPDATE if outcome.action == CatalogueRunItem.Action.EQUAL else outcome.action
    return replace(outcome, action=action, outcome=Result.HELD, reason=verdict.reason, differences=rows)
