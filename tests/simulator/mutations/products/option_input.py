"""Options and values as productSet asks for them, and which variant each row of `variants` means (shopify.md 8.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulator.reads.shop import number_of
from tests.simulator.state.options import DEFAULT_OPTION, DEFAULT_VALUE, Option, options_of
from tests.simulator.state.shop import Product, Shop, Variant
from tests.simulator.wire.problems import NotSimulatedError, user_error

MAX_OPTIONS = 3
MAX_NAME = 255


@dataclass(slots=True)
class WantedOption:
    """`option` is the one it continues; values are (id or None, name)."""

    name: str
    values: list[tuple[int | None, str]]
    option: Option | None = None
    position: int = 0

    def names(self) -> list[str]:
        return [name for _, name in self.values]


@dataclass(slots=True)
class Row:
    """One entry of `variants`: its values in the order of the options, and the variant that it continues."""

    index: int
    given: dict
    values: list[str] = field(default_factory=list)
    variant: Variant | None = None


class OptionReader:
    """Reads productOptions and the option values of variants; what is wrong is collected in `errors`."""

    def __init__(self, shop: Shop, product: Product | None, path: list):
        self.shop = shop
        self.product = product
        self.path = path
        self.errors: list[dict] = []
        self.present = options_of(shop, product) if product else []
        self.wanted: list[WantedOption] = []

    def complain(self, path: list, message: str, code: str) -> None:
        self.errors.append(user_error([*self.path, *path], message, code))

    # productOptions

    def read_options(self, given: list[dict]) -> None:
        if len(given) > MAX_OPTIONS:
            return self.complain(["productOptions"], "You can only have a maximum of 3 options.", "OPTIONS_OVER_LIMIT")
        for index, row in enumerate(given):
            wanted = self._option(["productOptions", index], row)
            if wanted is not None:
                wanted.position = row.get("position") or index + 1
                self.wanted.append(wanted)
        self.wanted.sort(key=lambda option: option.position)
        names = [option.name.casefold() for option in self.wanted]
        for name in {name for name in names if names.count(name) > 1}:
            self.complain(["productOptions"], f"Option '{name}' already exists.", "DUPLICATED_OPTION_NAME")
        return None

    def default_options(self) -> None:
        """What a new product without options has."""
        self.wanted = [WantedOption(DEFAULT_OPTION, [(None, DEFAULT_VALUE)])]

    def _option(self, path: list, row: dict) -> WantedOption | None:
        if row.get("linkedMetafield"):
            raise NotSimulatedError("The simulator does not link options to metafields")
        option = None
        if row.get("id"):
            number = number_of(row["id"], "ProductOption")
            option = next((one for one in self.present if one.id == number), None)
            if option is None:
                return self.complain([*path, "id"], "Option does not exist.", "OPTION_DOES_NOT_EXIST")
        name = row.get("name") or (option.name if option else "")
        if not name.strip() or len(name) > MAX_NAME:
            return self.complain([*path, "name"], "Option name is blank or too long.", "INVALID_INPUT")
        if " / " in name:
            return self.complain([*path, "name"], "Option name can't contain ' / '.", "INVALID_INPUT")
        option = option or next((one for one in self.present if one.name == name), None)
        if not row.get("values"):
            message = "Each option must have at least one option value specified."
            return self.complain([*path, "values"], message, "OPTION_VALUES_MISSING")
        wanted = WantedOption(name, self._values([*path, "values"], row["values"], option), option)
        folded = [value.casefold() for value in wanted.names()]
        if len(set(folded)) < len(folded):
            self.complain([*path, "values"], "Option values must be unique.", "DUPLICATED_OPTION_VALUE")
        return wanted

    def _values(self, path: list, rows: list[dict], option: Option | None) -> list[tuple[int | None, str]]:
        by_id = {value.id: value.name for value in option.values} if option else {}
        by_name = {name: number for number, name in by_id.items()}
        found = []
        for index, row in enumerate(rows):
            number = number_of(row["id"], "ProductOptionValue") if row.get("id") else None
            if number is not None and number not in by_id:
                self.complain([*path, index, "id"], "Option value does not exist.", "OPTION_VALUE_DOES_NOT_EXIST")
                continue
            name = row.get("name") or by_id.get(number, "")
            if not name.strip() or len(name) > MAX_NAME:
                self.complain([*path, index, "name"], "Option value name is blank or too long.", "INVALID_INPUT")
                continue
            found.append((number or by_name.get(name), name))
        return found

    # variants

    def read_rows(self, given: list[dict]) -> list[Row]:
        rows = [self._row(index, row) for index, row in enumerate(given)]
        if self.errors:
            return rows
        self._check_unique(rows)
        by_values = self._present_by_values()
        taken: set[int] = set()
        for row in rows:
            variant = self._variant_by_id(row) if row.given.get("id") else by_values.get(tuple(row.values))
            if variant is not None and variant.id not in taken:
                row.variant = variant
                taken.add(variant.id)
            elif variant is not None and row.given.get("id"):
                self.complain(["variants", row.index, "id"], "Product variant is there twice.", "INVALID_VARIANT")
        return rows

    def _row(self, index: int, given: dict) -> Row:
        path = ["variants", index, "optionValues"]
        chosen: dict[str, str] = {}
        for place, value in enumerate(given["optionValues"]):
            found = self._choice([*path, place], value)
            if found is not None:
                chosen[found[0]] = found[1]
        missing = [option.name for option in self.wanted if option.name not in chosen]
        if missing and not self.errors:
            self.complain(path, f"You need to add option values for {', '.join(missing)}", "INVALID_VARIANT")
        return Row(index, given, [chosen.get(option.name, "") for option in self.wanted])

    def _choice(self, path: list, given: dict) -> tuple[str, str] | None:
        """(option name, value) of one VariantOptionValueInput."""
        if given.get("linkedMetafieldValue"):
            raise NotSimulatedError("The simulator does not link options to metafields")
        number = number_of(given["optionId"], "ProductOption") if given.get("optionId") else None
        name = given.get("optionName")
        option = next(
            (one for one in self.wanted if one.name == name or (number and one.option and one.option.id == number)),
            None,
        )
        if option is None:
            return self.complain([*path, "optionName"], f"Option '{name}' does not exist.", "OPTION_DOES_NOT_EXIST")
        value_id = number_of(given["id"], "ProductOptionValue") if given.get("id") else None
        for known_id, value in option.values:
            if (value_id and known_id == value_id) or (not value_id and value == given.get("name")):
                return option.name, value
        message = f"Option value '{given.get('name')}' does not exist."
        return self.complain([*path, "name"], message, "OPTION_VALUE_DOES_NOT_EXIST")

    def _check_unique(self, rows: list[Row]) -> None:
        seen: set[tuple] = set()
        for row in rows:
            if tuple(row.values) in seen:
                title = " / ".join(row.values)
                message = f"The variant '{title}' already exists. Please change at least one option value."
                self.complain(["variants", row.index], message, "INVALID_VARIANT")
            seen.add(tuple(row.values))

    def _variant_by_id(self, row: Row) -> Variant | None:
        number = number_of(row.given["id"], "ProductVariant")
        if self.product is None or number not in self.product.variant_ids:
            message = "Product variant does not exist"
            self.complain(["variants", row.index, "id"], message, "PRODUCT_VARIANT_DOES_NOT_EXIST")
            return None
        return self.shop.variants[number]

    def _present_by_values(self) -> dict[tuple, Variant]:
        """The product's variants by what their values will be called; those of other options match nothing."""
        if self.product is None:
            return {}
        variants = [self.shop.variants[variant_id] for variant_id in self.product.variant_ids]
        return {tuple(self._renamed(variant)): variant for variant in variants}

    def _renamed(self, variant: Variant) -> list[str | None]:
        found: list[str | None] = []
        for wanted in self.wanted:
            place = wanted.option.position - 1 if wanted.option else None
            if place is None or place >= len(variant.option_values):
                found.append(None)
                continue
            value = variant.option_values[place]
            number = next((one.id for one in wanted.option.values if one.name == value), None)
            found.append(next((name for value_id, name in wanted.values if value_id == number), value))
        return found
