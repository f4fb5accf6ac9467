"""Reads the inputs that orders, drafts and customers share: money, addresses, tags, attributes, instants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from tests.simulator.state.money import Bag, read_amount, rounded
from tests.simulator.state.orders import Address
from tests.simulator.state.tags import MOST_TAGS, tidy_tags
from tests.simulator.wire.problems import NotSimulatedError

ADDRESS_FIELDS = {
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "company": "company",
    "country": "country",
    "countryCode": "country_code",
    "firstName": "first_name",
    "lastName": "last_name",
    "phone": "phone",
    "province": "province",
    "provinceCode": "province_code",
    "zip": "zip",
}
COUNTRIES = {"AT": "Austria", "CA": "Canada", "DE": "Germany", "FR": "France", "GB": "United Kingdom",
             "JP": "Japan", "US": "United States"}  # fmt: skip
LONGEST_TAG = 40  # of drafts; orders and customers are held to it too (shopify.md 2)


class Findings:
    """User errors of one input. Positions in lists stay integers, as orderCreate shows them (shopify.md 1.5)."""

    def __init__(self, *, names_fields: bool = True):
        self.errors: list[dict] = []
        self.names_fields = names_fields  # of who ordered (row 50)

    def refuse(self, field: list | None, message: str, code: str | None = "INVALID") -> None:
        self.errors.append({"field": field, "message": message, "code": code})


def only(given: dict, known: Iterable[str], where: str) -> None:
    """Raises NotSimulatedError for an input field that is set and that the simulator would have to ignore."""
    unknown = {name for name, value in given.items() if value not in (None, False, [], "")} - set(known)
    if unknown:
        raise NotSimulatedError(f"The simulator does not implement {where}: {', '.join(sorted(unknown))}")


class MoneyReader:
    """Reads MoneyBagInputs of one order in its currencies."""

    def __init__(self, found: Findings, currency: str, presentment: str | None):
        self.found = found
        self.currency = currency
        self.presentment = presentment

    def bag(self, given: dict, path: list) -> Bag | None:
        """None with an error when a currency does not match or an amount is no amount."""
        shop = self._amount(given["shopMoney"], self.currency, [*path, "shopMoney"])
        shown = given.get("presentmentMoney")
        if shown is None:
            if shop is not None and self.presentment not in (None, self.currency):
                message = "Presentment money must be given when the presentment currency differs"
                self.found.refuse([*path, "presentmentMoney"], message)
                return None
            return None if shop is None else Bag(shop, shop)
        if self.presentment is None:
            message = "Presentment currency must be specified if any presentment currencies are used in the order"
            self.found.refuse(["order", "presentmentCurrency"], message)
            return None
        presentment = self._amount(shown, self.presentment, [*path, "presentmentMoney"])
        return None if shop is None or presentment is None else Bag(shop, presentment)

    def _amount(self, given: dict, currency: str, path: list) -> Decimal | None:
        amount = read_amount(given["amount"])
        if given["currencyCode"] != currency:
            self.found.refuse([*path, "currencyCode"], f"Currency must be {currency}")
        elif amount is None or amount < 0:
            self.found.refuse([*path, "amount"], "Amount must be greater than or equal to 0")
        else:
            return rounded(amount, currency)
        return None


def read_address(given: dict | None, number: int, found: Findings, path: list) -> Address | None:
    """A MailingAddressInput. One that says nothing is refused; ids are not simulated."""
    if given is None:
        return None
    only(given, ADDRESS_FIELDS, "MailingAddressInput")
    values = {ADDRESS_FIELDS[name]: value for name, value in given.items() if name in ADDRESS_FIELDS}
    if not any((value or "").strip() for value in values.values()):
        found.refuse(path, "Address can't be blank")
        return None
    address = Address(number, **{name: value or None for name, value in values.items()})
    if address.country is None and address.country_code:
        address.country = COUNTRIES.get(address.country_code, address.country_code)
    return address


def read_tags(given: list[str] | None, found: Findings, path: list) -> list[str]:
    """Sorted and each once; a comma ends a tag. At most 250 of 40 characters."""
    tags = tidy_tags(given or ())
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            found.refuse(path, f"Tags is invalid: {tag} is too long (maximum is {LONGEST_TAG} characters)")
    if len(tags) > MOST_TAGS:
        found.refuse(path, f"Tags is invalid: there can be at most {MOST_TAGS} tags")
    return tags


def read_pairs(given: list[dict] | None, key: str = "key") -> list[tuple[str, str]]:
    """Attributes or line properties as (name, value); the last of equal names counts."""
    return list({row[key]: (row[key], row["value"]) for row in given or ()}.values())


def seconds_of(text: str) -> int:
    """An ISO instant as seconds since 1970; without an offset it is UTC."""
    instant = datetime.fromisoformat(text)
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())
