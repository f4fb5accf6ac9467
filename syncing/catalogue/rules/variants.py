"""Options and variants of two products, pure: which variant is which, and whether both are built alike."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stores.shopify.products.product_records import OptionRecord, ProductRecord, ProductVariantRecord
from stores.shopify.products.product_writes import MOST_VARIANTS
from syncing.catalogue.rules.fingerprint import digest

OPTION_MISMATCH = "option_mismatch"
LINKED_OPTION = "linked_option"
TOO_MANY_VARIANTS = "too_many_variants"


@dataclass(frozen=True)
class Structure:
    """Each variant of the source with its partner, the destination's own ones, and why they cannot be built alike."""

    pairs: tuple[tuple[ProductVariantRecord, ProductVariantRecord | None], ...]
    extras: tuple[ProductVariantRecord, ...]
    conflict: str = ""
    reason: str = ""

    @property
    def is_paired(self) -> bool:
        """Whether any variant has a partner."""
        return any(partner for _, partner in self.pairs)


def match_variants(source: ProductRecord, destination: ProductRecord, linked: Mapping[str, str]) -> Structure:
    """Pair the variants: those that are linked (source gid -> destination gid), then by option values, then the only
    one on both sides.
    """
    free = {variant.gid: variant for variant in destination.variants}
    partners: dict[str, ProductVariantRecord] = {}
    for variant in source.variants:
        if partner := free.pop(linked.get(variant.gid, ""), None):
            partners[variant.gid] = partner
    by_values = defaultdict(list)
    for variant in free.values():
        by_values[_key(variant)].append(variant)
    for variant in source.variants:
        if variant.gid not in partners and variant.gid not in linked and by_values[_key(variant)]:
            partner = by_values[_key(variant)].pop(0)
            partners[variant.gid] = free.pop(partner.gid)
    if len(source.variants) == 1 and len(destination.variants) == 1 and free and not linked:
        partners[source.variants[0].gid] = free.popitem()[1]
    pairs = tuple((variant, partners.get(variant.gid)) for variant in source.variants)
    return _with_conflict(source, destination, Structure(pairs, tuple(free.values())))


def _with_conflict(source: ProductRecord, destination: ProductRecord, found: Structure) -> Structure:
    conflict = reason = ""
    if len(source.variants) > MOST_VARIANTS:
        conflict = TOO_MANY_VARIANTS
        reason = f"It has {len(source.variants):,} variants; a product takes {MOST_VARIANTS:,}."
    elif any(option.is_linked for option in destination.options):
        conflict = LINKED_OPTION
        names = ", ".join(option.name for option in destination.options if option.is_linked)
        reason = f"The destination takes the values of {names} from a metafield: they cannot be set from here."
    elif not found.is_paired:
        conflict = OPTION_MISMATCH
        reason = (
            f"No variant is the same in both: the source has {_describe(source)}, the destination "
            f"{_describe(destination)}. Link variants, or make the options alike."
        )
    return Structure(found.pairs, found.extras, conflict, reason)


def _key(variant: ProductVariantRecord) -> tuple[str, ...]:
    return tuple(map(_value_key, variant.values))


def _value_key(value: str) -> str:
    return value.strip().casefold()


def used_options(product: ProductRecord) -> list[tuple[str, list[str]]]:
    """Names and values of a product's options in order, as far as variants use them.

    Shopify keeps values that no variant has; productSet takes only those that variants of the input name.
    """
    options = product.options or _options_of(product.variants)
    used = [{variant.values[index] for variant in product.variants} for index in range(len(options))]
    return [
        (option.name, [value for value in option.values if value in used[index]])
        for index, option in enumerate(options)
    ]


def _options_of(variants: Sequence[ProductVariantRecord]) -> tuple[OptionRecord, ...]:
    names = [name for name, _ in variants[0].options] if variants else []
    return tuple(
        OptionRecord("", name, tuple(dict.fromkeys(variant.values[index] for variant in variants)))
        for index, name in enumerate(names)
    )


def structure_value(product: ProductRecord) -> dict[str, Any]:
    """What compares equal exactly when two products have the same options and the same set of variants."""
    return {
        "options": [[name, values] for name, values in used_options(product)],
        "variants": sorted(list(variant.values) for variant in product.variants),
    }


def appearance_of(product: ProductRecord) -> str:
    """The same of a product and of one that was just made from it: a digest of its title, options and variants."""
    return digest([product.title, structure_value(product)])


def describe_structure(product: ProductRecord) -> str:
    """The options and the number of variants for people."""
    return f"{_describe(product)} ({len(product.variants)} variants)"


def _describe(product: ProductRecord) -> str:
    if product.has_only_default_variant:
        return "no options"
    parts = [
        f"{name}: {', '.join(values[:8])}{' …' if len(values) > 8 else ''}" for name, values in used_options(product)
    ]
    return "; ".join(parts)


def options_input(
    source: ProductRecord, destination: ProductRecord | None, own: Sequence[ProductVariantRecord] = ()
) -> list[dict[str, Any]]:
    """OptionSetInput rows that make the destination's options the source's; an option that has another name keeps its
    identity by its place, so that its variants survive. Values of the destination's `own` variants stay.
    """
    present = list(destination.options) if destination else []
    places = _places(source, destination)
    rows = []
    for index, (name, values) in enumerate(used_options(source)):
        same = present[places[index]] if places[index] >= 0 else None
        listed = _beside(values, own, places[index], same.values if same else ())
        row = {"name": name, "position": index + 1, "values": [{"name": value} for value in listed]}
        rows.append({"id": same.gid} | row if same and same.gid else row)
    return rows


def _places(source: ProductRecord, destination: ProductRecord | None) -> list[int]:
    """For each option of the source the place of the destination's that it becomes; -1 for none."""
    present = [option.name.casefold() for option in destination.options] if destination else []
    wanted = [name.casefold() for name, _ in used_options(source)]
    by_place = len(present) == len(wanted)
    return [
        present.index(name) if name in present else (index if by_place and present[index] not in wanted else -1)
        for index, name in enumerate(wanted)
    ]


def _beside(
    values: Sequence[str], own: Sequence[ProductVariantRecord], place: int, present: Sequence[str]
) -> list[str]:
    """The source's values of an option and those of the destination's own variants, in the order that they have there
    as far as that is the source's, too.
    """
    known = {_value_key(value) for value in values}
    more = [variant.values[place] for variant in own if place >= 0 and _value_key(variant.values[place]) not in known]
    listed = [*values, *dict.fromkeys(more)]
    in_order = [value for value in present if value in listed]
    return in_order if [value for value in in_order if value in values] == list(values) else listed


def own_rows(
    source: ProductRecord, destination: ProductRecord, own: Sequence[ProductVariantRecord]
) -> list[dict[str, Any]]:
    """The rows of variants that only the destination has: nothing of them is changed but the names of their options."""
    places, options = _places(source, destination), used_options(source)
    return [
        {
            "id": variant.gid,
            "optionValues": [
                {"optionName": name, "name": _spelled(variant.values[place], values)}
                for (name, values), place in zip(options, places, strict=True)
            ],
        }
        for variant in own
    ]


def _spelled(value: str, values: Sequence[str]) -> str:
    """As the source writes it: two values of an option differ by more than their case."""
    return next((each for each in values if _value_key(each) == _value_key(value)), value)


def why_not_beside(
    source: ProductRecord, destination: ProductRecord, found: Structure, own: Sequence[ProductVariantRecord]
) -> tuple[str, str]:
    """Why the destination's own variants cannot stay beside the source's, as a kind of conflict and in words."""
    if not own:
        return "", ""
    names = ", ".join(variant.title for variant in own[:5]) + (" …" if len(own) > 5 else "")
    places = _places(source, destination)
    is_other = source.has_only_default_variant or sorted(places) != list(range(len(destination.options)))
    if is_other:
        return OPTION_MISMATCH, (
            f"The source has {_describe(source)}, the destination {_describe(destination)}, and variants of its own "
            f"that would not fit: {names}. Make the options alike, or remove these variants there."
        )
    taken = {_key(variant) for variant in source.variants}
    twice = [each for each in own if tuple(_value_key(each.values[place]) for place in places) in taken]
    if twice:
        return OPTION_MISMATCH, (
            f"The destination has a variant {twice[0].title} that is not linked, where the source's variant of this "
            "name would be: link the two, or rename or remove one."
        )
    if len(found.pairs) + len(own) > MOST_VARIANTS:
        return TOO_MANY_VARIANTS, (
            f"With {len(own):,} of the destination's own it would have {len(found.pairs) + len(own):,} variants; a "
            f"product takes {MOST_VARIANTS:,}."
        )
    return "", ""


def name_of(variant: ProductVariantRecord) -> str:
    """A variant for somebody who decides whether it may go: `XL (SKU-9, 9 units)`."""
    units = "" if variant.quantity is None else f"{variant.quantity} unit{'' if variant.quantity == 1 else 's'}"
    known = ", ".join(filter(None, (variant.sku or "no SKU", units)))
    return f"{variant.title} ({known})"


def unused_values(destination: ProductRecord, source: ProductRecord) -> list[str]:
    """Values of the destination's options that no variant has, in words: productSet cannot keep them."""
    wanted = {_value_key(value) for _, values in used_options(source) for value in values}
    return [
        f"the unused value {value} of {option.name}"
        for option, (_, used) in zip(destination.options, used_options(destination), strict=True)
        for value in option.values
        if value not in used and _value_key(value) not in wanted
    ]


def option_values_input(variant: ProductVariantRecord) -> list[dict[str, str]]:
    """VariantOptionValueInput rows of a variant."""
    return [{"optionName": name, "name": value} for name, value in variant.options]
