"""Matching, pure: which destination variant stands for which source variant, or why that is doubtful.

Identifiers come normalised (stores.models.variant.normalize_identifier). Matching is independent for each identifier:
whoever calls may split the catalogue, as long as all living variants of both sides with one identifier come together.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stores.identifiers import normalize_text, why_no_identity

MATCHED, UNMATCHED, AMBIGUOUS = "matched", "unmatched", "ambiguous"
HANDLE, SKU, BARCODE = "handle", "sku", "barcode"
WORDS = {HANDLE: "handle", SKU: "SKU", BARCODE: "barcode"}

# More candidates than this help nobody to choose.
MAX_CANDIDATES = 20
REASON_CHARACTERS = 255
QUOTED_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Item:
    """A living variant of either side. `id` and `product` only have to tell variants and products apart.

    `identifier` is '' for none. `options` are (name, value) pairs in the product's order, as written; only the handle
    needs them.
    """

    id: int
    product: str
    identifier: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one source variant: `destination` is set only when matched. `reason` is for operators."""

    source: int
    state: str
    destination: int | None = None
    candidates: tuple[int, ...] = ()
    reason: str = ""


def match(
    sources: Iterable[Item],
    destinations: Iterable[Item],
    by: str,
    wanted: Collection[int] | None = None,
    claimed: Mapping[int, str] | None = None,
) -> list[Finding]:
    """A finding for each wanted source variant (default: all), ordered by its id.

    `sources` and `destinations` are all living variants of the identifiers in question: also those that are linked
    already, or ignored, since they too make an identifier doubtful. `claimed` names, by destination id, who has it
    already, in this or any other connection.
    """
    claimed = claimed or {}
    source_groups, destination_groups = _group(sources), _group(destinations)
    findings = []
    for identifier, group in source_groups.items():
        if not identifier:
            found = [Finding(item.id, UNMATCHED, reason=why_no_identifier(by)) for item in group]
        elif by == HANDLE:
            found = _match_product(group, destination_groups.get(identifier, []), identifier)
        elif why := why_no_identity(identifier):  # a handle is Shopify's own: it always names one product
            reason = f"Its {WORDS[by]} {_quote(identifier)} identifies nothing: {why}."
            found = _all(group, AMBIGUOUS, reason, destination_groups.get(identifier, []))
        else:
            found = _match_variant(group, destination_groups.get(identifier, []), by, identifier)
        findings += [
            _refuse_claimed(finding, claimed) for finding in found if wanted is None or finding.source in wanted
        ]
    return sorted(findings, key=lambda finding: finding.source)


def _group(items: Iterable[Item]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.identifier].append(item)
    for group in groups.values():
        group.sort(key=lambda item: item.id)
    return groups


def _refuse_claimed(finding: Finding, claimed: Mapping[int, str]) -> Finding:
    if finding.state != MATCHED or finding.destination is None or finding.destination not in claimed:
        return finding
    reason = why_claimed(claimed[finding.destination])
    return Finding(finding.source, AMBIGUOUS, None, (finding.destination,), reason)


def why_claimed(claimant: str) -> str:
    """Why a variant whose partner somebody else has is ambiguous, in words."""
    return _clip(f"Its partner is already linked to {claimant}.")


def why_no_identifier(by: str) -> str:
    """Why a variant without an identifier is unmatched, in words."""
    return f"It has no {WORDS[by]}."


def why_no_partner(by: str, short: str) -> str:
    """Why a variant whose identifier nobody in the destination has is unmatched, in words; see `_shorten`."""
    return f"No {'product' if by == HANDLE else 'variant'} of the destination has the {WORDS[by]} “{short}”."


def _match_variant(sources: Sequence[Item], destinations: Sequence[Item], by: str, identifier: str) -> list[Finding]:
    """Variants that all carry the identifier: one on each side, or doubt."""
    what = f"{WORDS[by]} {_quote(identifier)}"
    if not destinations:
        return _all(sources, UNMATCHED, why_no_partner(by, _shorten(identifier)))
    if len(sources) > 1:
        return _all(sources, AMBIGUOUS, f"{len(sources)} variants of the source have the {what}.", destinations)
    if len(destinations) > 1:
        reason = f"{len(destinations)} variants of the destination have the {what}."
        return _all(sources, AMBIGUOUS, reason, destinations)
    return [Finding(sources[0].id, MATCHED, destinations[0].id)]


def _match_product(sources: Sequence[Item], destinations: Sequence[Item], handle: str) -> list[Finding]:
    """Variants of the products with one handle: paired by option values, or as the only variant on both sides."""
    what = f"handle {_quote(handle)}"
    if not destinations:
        return _all(sources, UNMATCHED, why_no_partner(HANDLE, _shorten(handle)))
    for side, items in (("source", sources), ("destination", destinations)):
        products = {item.product for item in items}
        if len(products) > 1:
            return _all(sources, AMBIGUOUS, f"{len(products)} products of the {side} have the {what}.", destinations)
    if len(sources) == len(destinations) == 1:
        return [Finding(sources[0].id, MATCHED, destinations[0].id)]
    order = _order_of_options(sources[0], destinations[0])
    if order is None:
        reason = f"The options of the two products with the {what} have other names in another order."
        return _all(sources, AMBIGUOUS, reason, destinations)
    return _match_options(sources, destinations, order, what)


def _match_options(
    sources: Sequence[Item], destinations: Sequence[Item], order: Sequence[int], what: str
) -> list[Finding]:
    source_values, destination_values = defaultdict(list), defaultdict(list)
    for item in sources:
        source_values[_values(item)].append(item)
    for item in destinations:
        values = _values(item)
        # A variant without the options of its product cannot be told apart: it partners with nobody.
        if len(values) == len(order):
            destination_values[tuple(values[position] for position in order)].append(item)
    findings = []
    for values, items in source_values.items():
        partners = destination_values.get(values, [])
        shown = _quote(" / ".join(value for _, value in items[0].options)) if items[0].options else "no options"
        if not partners:
            reason = f"The product of the destination with the {what} has no variant {shown}."
            findings += _all(items, UNMATCHED, reason)
        elif len(items) > 1 or len(partners) > 1:
            reason = f"Several variants of the product with the {what} have the options {shown}."
            findings += _all(items, AMBIGUOUS, reason, partners)
        else:
            findings.append(Finding(items[0].id, MATCHED, partners[0].id))
    return findings


def _order_of_options(source: Item, destination: Item) -> list[int] | None:
    """For each option of the source's product the position of the same option in the destination's product.

    Equal names decide, in whatever order they stand. Names that differ (other languages) are paired by position, unless
    a name stands elsewhere on the other side: then width could be taken for height, and None says that it is doubtful.
    """
    names = [normalize_text(name) for name, _ in source.options]
    others = [normalize_text(name) for name, _ in destination.options]
    if len(set(names)) == len(names) and set(names) == set(others) and len(names) == len(others):
        return [others.index(name) for name in names]
    if any(name in others and others.index(name) != position for position, name in enumerate(names)):
        return None
    return list(range(len(names)))


def _values(item: Item) -> tuple[str, ...]:
    return tuple(normalize_text(value) for _, value in item.options)


def _all(sources: Iterable[Item], state: str, reason: str, candidates: Sequence[Item] = ()) -> list[Finding]:
    ids = tuple(sorted(item.id for item in candidates)[:MAX_CANDIDATES])
    return [Finding(item.id, state, None, ids, _clip(reason)) for item in sources]


def _quote(text: str) -> str:
    return f"“{_shorten(text)}”"


def _shorten(text: str) -> str:
    """As it is quoted; stores.linking.at_once has the same in SQL."""
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 3] + "…"


def _clip(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else text[: REASON_CHARACTERS - 1] + "…"
