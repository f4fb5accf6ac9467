"""The metafields of a product, pure: which of the source's can follow, and which of ours have left it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stores.shopify.metafields.definitions import MetafieldDefinition
from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord
from syncing.catalogue.rules.fields import SYNC, Field, Policy
from syncing.catalogue.rules.metafield_checks import why_left_out
from syncing.catalogue.rules.references import is_reference, map_reference

SHOWN_FIELDS = 5  # of those that are left out; what Shopify said is long


@dataclass(frozen=True)
class MetafieldPlan:
    """`wanted` is what should be there, by `namespace.key`; `gone` are keys that we wrote and the source has lost.

    `reasons` say of those that are left out why. `awaits` are things of the source that some refer to, and that have no
    partner yet.
    """

    wanted: Mapping[str, MetafieldRecord]
    gone: tuple[str, ...]
    reasons: Mapping[str, str]
    awaits: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, for people."""
        return tuple(filter(None, [left_out_words(self.reasons)]))


def plan_metafields(
    source: Iterable[MetafieldRecord],
    namespaces: Iterable[str],
    written_keys: Iterable[str],
    *,
    currency: str = "",
    definitions: Mapping[str, MetafieldDefinition] = MappingProxyType({}),
    partners: Mapping[str, str] = MappingProxyType({}),
    failures: Mapping[str, str] = MappingProxyType({}),
) -> MetafieldPlan:
    """What of the source's metafields follows: those of `namespaces` that the destination can take.

    `currency` and `definitions`, by key, are the destination's. A reference holds an id of the source's store, which
    means nothing in the destination: it becomes that of its partner (`partners`, source gid -> destination gid;
    `failures` say why one has none). What the destination has of its own in these namespaces stays.
    """
    chosen = {namespace.strip() for namespace in namespaces}
    listed = {key_of(record): record for record in source if record.namespace in chosen}
    reasons = {key: why_left_out(record, currency, definitions.get(key)) for key, record in listed.items()}
    wanted = {key: record for key, record in listed.items() if not reasons[key]}
    awaits: list[str] = []
    for key, record in [*wanted.items()]:
        if is_reference(record):
            mapped = map_reference(record, partners, failures)
            reasons[key], awaits = mapped.reason, [*awaits, *mapped.awaits]
            wanted |= {key: mapped.record} if mapped.record else {}
            if mapped.record is None:
                del wanted[key]
    left_out = {key: reason for key, reason in sorted(reasons.items()) if reason}
    gone = sorted(key for key in written_keys if key not in listed and namespace_of(key) in chosen)
    return MetafieldPlan(wanted, tuple(gone), left_out, tuple(dict.fromkeys(awaits)))


def plan_for(owner: ProductRecord | ProductVariantRecord, policy: Policy, written_keys: Iterable[str]) -> MetafieldPlan:
    """What of the metafields of a product, or of a variant, follows under a policy."""
    is_variant = isinstance(owner, ProductVariantRecord)
    return plan_metafields(
        owner.metafields,
        policy.namespaces,
        written_keys,
        currency=policy.currency,
        definitions=(policy.variant_definitions if is_variant else policy.definitions) or {},
        partners=policy.partners,
        failures=policy.failures,
    )


def awaited(source: ProductRecord, policy: Policy) -> list[str]:
    """What the metafields of something that is there wait for: things of the source that have no partner yet."""
    plans = [plan_for(source, policy, ())] if policy.of(Field.METAFIELDS) == SYNC else []
    if policy.of(Field.VARIANT_METAFIELDS) == SYNC:
        plans += [plan_for(variant, policy, ()) for variant in source.variants]
    return list(dict.fromkeys(gid for plan in plans for gid in plan.awaits))


def left_out_words(reasons: Mapping[str, str], noun: str = "metafield") -> str:
    """A note that names what was left out, each with why; '' for nothing."""
    if not reasons:
        return ""
    shown = "; ".join(f"{key} ({reason})" for key, reason in [*reasons.items()][:SHOWN_FIELDS])
    more = len(reasons) - SHOWN_FIELDS
    count = f"1 {noun} was" if len(reasons) == 1 else f"{len(reasons)} {noun}s were"
    return f"{count} left out: {shown}{f'; and {more} more' if more > 0 else ''}."


def key_of(record: MetafieldRecord) -> str:
    """`namespace.key`; neither may hold a point (MetafieldInput in the schema), so it can be taken apart again."""
    return f"{record.namespace}.{record.key}"


def namespace_of(key: str) -> str:
    """The namespace of what `key_of` made."""
    return key.rpartition(".")[0]


def value_of(record: MetafieldRecord) -> list[str]:
    """What compares: Shopify may put JSON into another order or spacing than it was sent."""
    if record.type in ("json", "rich_text_field", "money", "rating", "link") or record.type.startswith("list."):
        try:
            return [record.type, json.dumps(json.loads(record.value), sort_keys=True)]
        except ValueError:
            pass
    return [record.type, record.value]


def metafield_input(record: MetafieldRecord) -> dict[str, str]:
    """The row of MetafieldInput, or of MetafieldsSetInput without its owner."""
    return {"namespace": record.namespace, "key": record.key, "type": record.type, "value": record.value}


def identifier_input(key: str) -> dict[str, str]:
    """The row of MetafieldIdentifierInput without its owner."""
    namespace, _, name = key.rpartition(".")
    return {"namespace": namespace, "key": name}
