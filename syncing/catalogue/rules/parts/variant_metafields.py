"""The metafields of variants, pure: compared like those of a product, and written once their variant is there."""

from collections.abc import Iterable, Mapping
from typing import Any

from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord
from syncing.catalogue.rules import metafields, variants
from syncing.catalogue.rules.fields import SYNC, Field, Judge, Policy
from syncing.catalogue.rules.parts.made import Desired

# In the memory of a variant: whose values these are, and that its metafields are to come.
PARTNER, TO_COME = "partner", "metafields to come"
NAME = Field.VARIANT_METAFIELDS
Pairs = Iterable[tuple[ProductVariantRecord, ProductVariantRecord | None]]


def plan(source: ProductRecord, pairs: Pairs, judge: Judge, made: Desired) -> None:
    """Put what is to be written and deleted into `made`; of variants that are about to be made, that it is to come."""
    policy = judge.policy
    if not policy.namespaces or not policy.sets(NAME, is_new=True):
        return
    reasons: dict[str, str] = {}
    awaits: list[str] = []
    for variant, partner in pairs:
        own = judge.written["variants"].setdefault(variant.gid, {})
        found = metafields.plan_for(variant, policy, own.get(NAME) or ())
        if partner is None:
            made.is_incomplete |= bool(found.wanted)
            own |= {TO_COME: True} if found.wanted else {}
        elif policy.of(NAME) == SYNC or TO_COME in own:
            _compare(judge, made, found, partner, own, _name_of(source, variant))
        else:
            continue
        reasons |= {f"{_name_of(source, variant)}{key}": why for key, why in found.reasons.items()}
        awaits += found.awaits
    made.notes += [metafields.left_out_words(reasons)] if reasons else []
    made.awaits = tuple(dict.fromkeys((*made.awaits, *awaits)))


def _name_of(source: ProductRecord, variant: ProductVariantRecord) -> str:
    return "" if source.has_only_default_variant else f"{variant.title} "


def _compare(
    judge: Judge,
    made: Desired,
    found: metafields.MetafieldPlan,
    partner: ProductVariantRecord,
    own: dict[str, Any],
    name: str,
) -> None:
    made.variant_names[partner.gid] = name.strip()
    owner, is_new = {"ownerId": partner.gid}, own.pop(TO_COME, False)
    memory = own.setdefault(str(NAME), {})
    present = {metafields.key_of(row): metafields.value_of(row) for row in partner.metafields}
    for key, record in found.wanted.items():
        value = metafields.value_of(record)
        if is_new:
            is_set = judge.set_anew(NAME, value, memory, key)
        else:
            is_set = judge.judge(NAME, value, present.get(key), memory, key=key, subject=f"{name}{key}")
        if is_set:
            made.variant_metafields.append(owner | metafields.metafield_input(record))
    for key in found.gone:
        if key not in present:
            memory.pop(key)
        elif judge.judge(NAME, None, present[key], memory, key=key, subject=f"{name}{key}"):
            made.variant_metafields_gone.append(owner | metafields.identifier_input(key))
            memory.pop(key)
    if not memory:
        del own[NAME]


def complete(
    source: ProductRecord, there: ProductRecord, policy: Policy, linked: Mapping[str, str], made: Desired
) -> None:
    """What was to come, once the variants are there: nothing else of `made` is to be written any more."""
    judge = Judge(policy, made.written)
    made.variant_metafields, made.variant_metafields_gone, made.is_incomplete = [], [], False
    memory = made.written["variants"]
    found = variants.match_variants(source, there, linked)
    due = [(ours, theirs) for ours, theirs in found.pairs if theirs and TO_COME in memory.get(ours.gid, {})]
    for ours, theirs in due:
        memory[ours.gid][PARTNER] = theirs.gid
    rest = Desired(is_new=False)  # what is left out was said, and differs in nothing that was there
    plan(source, due, judge, rest)
    made.variant_metafields, made.variant_names = rest.variant_metafields, rest.variant_names


def forget(written: Mapping[str, Any], owner_gid: str, key: str) -> None:
    """What was not taken is not remembered as written."""
    for own in written.get("variants", {}).values():
        if own.get(PARTNER) == owner_gid:
            own.get(NAME, {}).pop(key, None)


def watched(source: ProductRecord, policy: Policy) -> dict[str, dict[str, list[str]]]:
    """What of it decides what would be written: variant -> key -> value, of those that have any."""
    plans = ((variant.gid, metafields.plan_for(variant, policy, ())) for variant in source.variants)
    return {
        gid: {key: metafields.value_of(record) for key, record in found.wanted.items()}
        for gid, found in plans
        if found.wanted
    }
