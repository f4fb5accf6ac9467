"""What a price rule makes of real products: the example beside it, and the preview before a changed one counts."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from stores.clients import open_for_person
from stores.models import CatalogueField, CatalogueSettings, FieldPolicy
from stores.shopify.products.price_list import PricedVariant, read_prices
from syncing.catalogue.policy import NoRate, price_rule_of, rate_of
from syncing.catalogue.products.single import choosing
from syncing.catalogue.rules import pricing
from syncing.catalogue.rules.fields import money_text
from tiposync.console.catalogue.settings_form import PRICE_FIELDS, PriceRuleForm
from tiposync.console.kit.previews import CHANGES, FALLS, STAYS, Column, Preview, Row, Total, difference, money

EXAMPLES = 5
PREVIEW_ROWS = 250


@dataclass(frozen=True)
class Pricing:
    """A price rule with the rate of today and the destination's currency."""

    rule: pricing.PriceRule
    rate: Decimal
    currency: str

    def prices_of(self, variant: PricedVariant) -> tuple[str, str]:
        """Price and compare-at price in the destination, '' for none."""
        price = pricing.price(variant.price, self.rule, self.rate, self.currency)
        compare_at = pricing.compare_at(variant.compare_at_price, price, self.rule, self.rate, self.currency)
        return money_text(price), "" if compare_at is None else money_text(compare_at)


def pricing_of(settings: CatalogueSettings) -> Pricing:
    """Raises NoRate."""
    return Pricing(price_rule_of(settings), rate_of(settings), settings.connection.destination.currency)


def proposed(settings: CatalogueSettings, data: Mapping[str, Any]) -> tuple[CatalogueSettings, list[str]]:
    """The catalogue with the price rule of a form or an address instead of its own (not saved), and what is wrong."""
    values = {name: getattr(settings, name) for name in PRICE_FIELDS} | {
        name: data[name] for name in PRICE_FIELDS if name in data
    }
    changed = copy(settings)
    # What else may be wrong with the stored row has no place in this form.
    changed.collection_selection = CatalogueSettings.CollectionSelection.ALL
    form = PriceRuleForm(values, instance=changed)
    if form.is_valid():
        return form.instance, []
    labels = {name: field.label or name for name, field in form.fields.items()}
    return form.instance, [
        f"{labels.get(name, '')}: {text}" if name in labels else str(text)
        for name, texts in form.errors.items()
        for text in texts
    ]


def rule_query(settings: CatalogueSettings, **more: Any) -> str:
    """A price rule as the query of an address; `proposed` reads it."""
    return urlencode({name: getattr(settings, name) for name in PRICE_FIELDS} | more)


def example(settings: CatalogueSettings) -> dict[str, Any]:
    """The first few products of the source, and what they would cost. Raises NoRate, ShopifyError."""
    variants, _ = read_prices(open_for_person(settings.connection.source), EXAMPLES)
    pricing = pricing_of(settings)
    return {"rows": [_row(variant, None, pricing) for variant in variants], **currencies(settings)}


def preview(settings: CatalogueSettings, changed: CatalogueSettings, after: str = "", sort: str = "") -> dict[str, Any]:
    """One page of the source's products: their prices by the present rule and by `changed`.

    Raises NoRate for the changed rule, ShopifyError. Where the present rule has no rate, nothing is told of it.
    """
    variants, cursor = read_prices(open_for_person(settings.connection.source), PREVIEW_ROWS, after)
    by = choosing(settings.connection, open_for_person(settings.connection.source))
    wanted = [
        variant
        for variant in variants
        if by.decide(variant.product_gid, variant.tags, variant.vendor, variant.product_type).is_wanted
    ]
    pricing = pricing_of(changed)
    try:
        before = pricing_of(settings)
    except NoRate:
        before = None
    return {
        "preview": _table(settings, [_row(variant, before, pricing) for variant in wanted], sort),
        "left_out": len(variants) - len(wanted),
        "cursor": cursor,
        "notes": notes(settings),
        **currencies(settings),
    }


def _table(settings: CatalogueSettings, found: Sequence[dict[str, Any]], sort: str) -> Preview:
    """Prices that fall to 0, those that change otherwise, those that stay; compare-at prices where there are any."""
    names = currencies(settings)
    labels = {
        "source": f"Source {names['source_currency']}",
        "source_compare_at": "Source compare-at",
        "old": f"Old {names['destination_currency']}",
        "old_compare_at": "Old compare-at",
        "new": f"New {names['destination_currency']}",
        "new_compare_at": "New compare-at",
    }
    shown = [name for name in labels if "compare" not in name or any(row[name] for row in found)]
    columns = [Column("product", "Product")]
    columns += [Column(name, labels[name].strip(), is_number=True, draw=money) for name in shown]
    columns.append(Column("change", "Change", is_number=True, draw=difference))
    rows = [_preview_row(row, shown) for row in found]
    ranks = [row.rank for row in rows]
    totals = [
        Total(ranks.count(FALLS), "price falls to 0", "prices fall to 0", is_grave=True),
        Total(len(ranks) - ranks.count(STAYS), "price would change", "prices would change"),
        Total(ranks.count(STAYS), "price stays as it is", "prices stay as they are"),
    ]
    return Preview("prices", columns, rows, totals, sort)


def _preview_row(row: dict[str, Any], shown: Sequence[str]) -> Row:
    amounts = {name: Decimal(row[name]) if row[name] else None for name in (*shown, "old", "new")}
    old, new = amounts["old"], amounts["new"]
    change = None if old is None or new is None else new - old
    rank = STAYS if not row["differs"] else FALLS if new == 0 and old != 0 else CHANGES
    return Row((row["title"], *(amounts[name] for name in shown), change), rank)


def notes(settings: CatalogueSettings) -> list[str]:
    """What keeps a rule from reaching prices that exist already."""
    words = {
        FieldPolicy.CREATE_ONLY: "{} is “Create only”: products that exist keep theirs.",
        FieldPolicy.IGNORE: "{} is “Ignore”: it is never set.",
    }
    fields = (CatalogueField.PRICE, CatalogueField.COMPARE_AT_PRICE)
    policies = [(field, FieldPolicy(settings.policy_of(field))) for field in fields]
    return [words[policy].format(field.label) for field, policy in policies if policy in words]


def currencies(settings: CatalogueSettings) -> dict[str, str]:
    """The currencies of both stores, as far as known."""
    connection = settings.connection
    return {"source_currency": connection.source.currency, "destination_currency": connection.destination.currency}


def _row(variant: PricedVariant, before: Pricing | None, after: Pricing) -> dict[str, Any]:
    title = " / ".join(part for part in (variant.product_title, variant.variant_title) if part)
    old, new = before.prices_of(variant) if before else ("", ""), after.prices_of(variant)
    source_compare_at = "" if variant.compare_at_price is None else money_text(variant.compare_at_price)
    return {
        "title": title,
        "source": money_text(variant.price),
        "source_compare_at": source_compare_at,
        "old": old[0],
        "old_compare_at": old[1],
        "new": new[0],
        "new_compare_at": new[1],
        "differs": old != new,
    }
