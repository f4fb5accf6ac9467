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
    return tuple(value.strip().casefold() for value in variant.values)


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


def options_input(source: ProductRecord, destination: ProductRecord | None) -> list[dict[str, Any]]:
    """OptionSetInput rows that make the destination's options the source's; an option that has another name keeps its
    identity by its place, so that its variants survive.
    """
    present = list(destination.options) if destination else []
    wanted = used_options(source)
    by_name = {option.name.casefold(): option for option in present}
    names = {name.casefold() for name, _ in wanted}
    rows = []
    for position, (name, values) in enumerate(wanted, start=1):
        same = by_name.get(name.casefold())
        if same is None and len(present) == len(wanted) and present[position - 1].name.casefold() not in names:
            same = present[position - 1]
        row = {"name": name, "position": position, "values": [{"name": value} for value in values]}
        rows.append({"id": same.gid} | row if same and same.gid else row)
    return rows


def option_values_input(variant: ProductVariantRecord) -> list[dict[str, str]]:
    """VariantOptionValueInput rows of a variant."""
    return [{"optionName": name, "name": value} for name, value in variant.options]
