"""The metafields of a product, pure: which of the source's can follow, and which of ours have left it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stores.shopify.products.product_records import MetafieldRecord

# Reserved for the app that made them: another app can neither read nor write them (shopify.md 8.1).
_APP_PREFIXES = ("$app", "app--")


@dataclass(frozen=True)
class MetafieldPlan:
    """`wanted` is what should be there, by `namespace.key`; `gone` are keys that we wrote and the source has lost."""

    wanted: Mapping[str, MetafieldRecord]
    gone: tuple[str, ...]
    notes: tuple[str, ...]


def plan_metafields(
    source: Iterable[MetafieldRecord], namespaces: Iterable[str], written_keys: Iterable[str]
) -> MetafieldPlan:
    """What of the source's metafields follows: those of `namespaces` that refer to nothing.

    A reference holds an id of the source's store, which means nothing in the destination. What the destination has of
    its own in these namespaces stays.
    """
    chosen = {namespace.strip() for namespace in namespaces}
    listed = [record for record in source if record.namespace in chosen]
    references = sorted(key_of(record) for record in listed if is_reference(record))
    wanted = {key_of(record): record for record in listed if not is_reference(record)}
    notes = []
    if references:
        shown = ", ".join(references[:5]) + (" …" if len(references) > 5 else "")
        notes.append(f"{len(references)} metafields were left out, since they refer to things of the source: {shown}.")
    apps = sorted(namespace for namespace in chosen if namespace.startswith(_APP_PREFIXES))
    if apps:
        notes.append(f"Metafields of {', '.join(apps)} belong to an app: Shopify may not let us write them.")
    present = {key_of(record) for record in listed}
    gone = sorted(key for key in written_keys if key not in present and namespace_of(key) in chosen)
    return MetafieldPlan(wanted, tuple(gone), tuple(notes))


def key_of(record: MetafieldRecord) -> str:
    """`namespace.key`; neither may hold a point (MetafieldInput in the schema), so it can be taken apart again."""
    return f"{record.namespace}.{record.key}"


def namespace_of(key: str) -> str:
    """The namespace of what `key_of` made."""
    return key.rpartition(".")[0]


def is_reference(record: MetafieldRecord) -> bool:
    """Whether its value names something by id, such as product_reference or list.metaobject_reference."""
    return record.type.endswith("_reference")


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
