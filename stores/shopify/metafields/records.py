"""Metafields as they are read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MetafieldRecord:
    """One metafield. `value` is text, whatever its `type`, such as single_line_text_field or list.product_reference."""

    namespace: str
    key: str
    type: str
    value: str


def metafield_records(nodes: Iterable[Mapping[str, Any]]) -> tuple[MetafieldRecord, ...]:
    """The records of nodes of which namespace, key, type and value were asked for."""
    return tuple(MetafieldRecord(node["namespace"], node["key"], node["type"], node["value"]) for node in nodes)
