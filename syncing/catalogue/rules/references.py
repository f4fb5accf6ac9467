"""References in metafields, pure: the ids of the source's things become those of their partners."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from stores.shopify.metafields.records import MetafieldRecord

MAPPED_TYPES = frozenset(
    f"{prefix}{kind}_reference"
    for prefix in ("", "list.")
    for kind in ("product", "variant", "collection", "page", "article", "file", "metaobject", "mixed")
)
LEFT_OUT = "it refers to things of the source"
NO_PARTNER = "what it refers to has no partner in the destination yet"


@dataclass(frozen=True, slots=True)
class Mapped:
    """What becomes of a reference: `record` None where nothing of it can be carried, `reason` why not all of it is.

    `awaits` are the source's things that have no partner yet: with one, it can be carried.
    """

    record: MetafieldRecord | None
    reason: str = ""
    awaits: tuple[str, ...] = ()


def is_reference(record: MetafieldRecord) -> bool:
    """Whether its value names something by id, such as product_reference or list.metaobject_reference."""
    return record.type.endswith("_reference")


def references_of(records: Iterable[MetafieldRecord], namespaces: Iterable[str]) -> set[str]:
    """The ids in the source that the mappable ones of these namespaces refer to."""
    chosen = {namespace.strip() for namespace in namespaces}
    listed = (record for record in records if record.namespace in chosen and record.type in MAPPED_TYPES)
    return {gid for record in listed for gid in _gids(record)}


def map_reference(record: MetafieldRecord, partners: Mapping[str, str], failures: Mapping[str, str]) -> Mapped:
    """A reference as it is in the destination; `partners` is source gid -> destination gid of what is linked.

    `failures` say of those that cannot have a partner why. Of a list those that have a partner are carried.
    """
    if record.type not in MAPPED_TYPES:
        return Mapped(None, LEFT_OUT)
    gids = _gids(record)
    found = [partners[gid] for gid in gids if gid in partners]
    awaits = tuple(gid for gid in gids if gid not in partners)
    why = next((failures[gid] for gid in awaits if gid in failures), "")
    if not found:
        return Mapped(None, why or NO_PARTNER, awaits)
    value = json.dumps(found) if record.type.startswith("list.") else found[0]
    reason = f"{len(awaits)} of {len(gids)} that it refers to have no partner in the destination yet" if awaits else ""
    reason += f": {why}" if why else ""
    return Mapped(replace(record, value=value), reason, awaits)


def _gids(record: MetafieldRecord) -> list[str]:
    if not record.type.startswith("list."):
        return [record.value]
    try:
        listed = json.loads(record.value)
    except ValueError:
        return []
    return [gid for gid in listed if isinstance(gid, str)] if isinstance(listed, list) else []
