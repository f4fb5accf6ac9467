"""Options of a product and their values, with ids that last as long as their names or a renaming by id."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.state.shop import Product, Shop

DEFAULT_OPTION = "Title"
DEFAULT_VALUE = "Default Title"


@dataclass(slots=True, eq=False)
class OptionValue:
    id: int
    name: str
    has_variants: bool


@dataclass(slots=True, eq=False)
class Option:
    id: int
    product_id: int
    name: str
    position: int
    values: list[OptionValue]


def options_of(shop: Shop, product: Product) -> list[Option]:
    """The options in their order, each with the values that were declared and those that only variants have."""
    return [_option(shop, product, place, name) for place, name in enumerate(product.option_names)]


def _option(shop: Shop, product: Product, place: int, name: str) -> Option:
    variants = (shop.variants[variant_id] for variant_id in product.variant_ids)
    used = dict.fromkeys(row.option_values[place] for row in variants if place < len(row.option_values))
    declared = product.option_values[place] if product.option_values and place < len(product.option_values) else []
    values = [
        OptionValue(_value_id(shop, product, name, value), value, value in used)
        for value in dict.fromkeys([*declared, *used])
    ]
    return Option(option_id(shop, product, place), product.id, name, place + 1, values)


def option_id(shop: Shop, product: Product, place: int) -> int:
    """The option's id; one that nobody has asked for yet is derived from the product's."""
    return shop.catalog.option_ids.get((product.id, product.option_names[place]), product.id + place)


def _value_id(shop: Shop, product: Product, name: str, value: str) -> int:
    key = (product.id, name, value)
    if key not in shop.catalog.value_ids:
        shop.catalog.value_ids[key] = shop.next_id()
    return shop.catalog.value_ids[key]


def put_options(
    shop: Shop, product: Product, wanted: list[tuple[int | None, str, list[tuple[int | None, str]]]]
) -> None:
    """Replaces the options by [(id or None, name, [(value id or None, value)])]; what has an id keeps it."""
    for option in options_of(shop, product):
        shop.catalog.option_ids.pop((product.id, option.name), None)
        for value in option.values:
            shop.catalog.value_ids.pop((product.id, option.name, value.name), None)
    product.option_names = [name for _, name, _ in wanted]
    product.option_values = [[value for _, value in values] for _, _, values in wanted]
    for number, name, values in wanted:
        shop.catalog.option_ids[product.id, name] = number or shop.next_id()
        for value_id, value in values:
            shop.catalog.value_ids[product.id, name, value] = value_id or shop.next_id()


def forget_options(shop: Shop, product: Product) -> None:
    """Of a product that is deleted."""
    put_options(shop, product, [])


def is_default(product: Product) -> bool:
    """A product without options is one option Title with the value Default Title (shopify.md 8.1)."""
    return product.option_names == [DEFAULT_OPTION] and (product.option_values or [[DEFAULT_VALUE]]) == [
        [DEFAULT_VALUE]
    ]
