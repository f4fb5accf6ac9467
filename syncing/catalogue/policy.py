"""An operator's settings in the words of the rules: price rule, rate and policy of a connection."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from stores import selection
from stores.models import CatalogueField, CatalogueSettings, CurrencyRate
from stores.selecting import selection_of, share_of
from stores.shopify.errors import MISCONFIGURED
from syncing.catalogue.rules.fields import IGNORE, Field, Policy
from syncing.catalogue.rules.fingerprint import fingerprint
from syncing.catalogue.rules.pricing import PriceRule
from syncing.catalogue.rules.rates import RateRow, rate_on

Merging = CatalogueSettings.Merging


class NoRate(Exception):
    """Prices should follow a rate table that has no rate for the two currencies."""

    failure = MISCONFIGURED


def price_rule_of(settings: CatalogueSettings) -> PriceRule:
    """The rule without its rate."""
    return PriceRule(
        Decimal(settings.price_percent),
        Decimal(settings.price_amount),
        settings.rounding,
        Decimal(settings.rounding_step),
        Decimal(settings.rounding_ending),
    )


def rate_of(settings: CatalogueSettings, day: date | None = None) -> Decimal:
    """Units of the destination's currency for one of the source's, on a day of UTC (default: today).

    Raises NoRate when the table has none, or the currencies are not known yet.
    """
    if settings.rate_kind == CatalogueSettings.RateKind.FIXED:
        return Decimal(settings.fixed_rate)
    source, destination = settings.connection.source, settings.connection.destination
    for store in (source, destination):
        if not store.currency:
            raise NoRate(f"The currency of {store} is not known yet: check the store.")
    day = day or timezone.now().astimezone(UTC).date()
    rows = CurrencyRate.objects.filter(base=source.currency, quote=destination.currency, valid_from__lte=day)
    listed = [RateRow(row.base, row.quote, row.rate, row.valid_from) for row in rows.order_by("-valid_from")[:1]]
    rate = rate_on(listed, source.currency, destination.currency, day)
    if rate is None:
        raise NoRate(
            f"The rate table has no rate from {source.currency} to {destination.currency} for {day}: enter one, or "
            "choose a fixed rate."
        )
    return rate


def policy_of(settings: CatalogueSettings, day: date | None = None, *, is_priced: bool = True) -> Policy:
    """All that decides about the fields of a product, the rate of the day included. Raises NoRate.

    Not `is_priced`: no product is written with it, so there need not be a rate.
    """
    return Policy(
        fields={str(field): settings.policy_of(field) for field in CatalogueField},
        merges_tags=settings.tags_merging == Merging.MERGE,
        merges_images=settings.images_merging == Merging.MERGE,
        moves=settings.syncs_videos,
        keeps_edits=settings.edited == CatalogueSettings.Edited.KEEP,
        removes_own=settings.own_variants == CatalogueSettings.OwnVariants.REMOVE,
        namespaces=frozenset(settings.metafield_namespaces),
        publication_gids=tuple(settings.publication_gids),
        follows_visibility=settings.visibility == CatalogueSettings.Visibility.SOURCE,
        price_rule=price_rule_of(settings),
        rate=rate_of(settings, day) if is_priced else Decimal(1),
        currency=settings.connection.destination.currency,
    )


def policy_of_today(settings: CatalogueSettings) -> Policy:
    """The policy, or, where the rate is missing, the one by which all goes on that needs none.

    Prices are then left as they are, and neither products nor variants are made, for these would need some.
    """
    try:
        return policy_of(settings)
    except NoRate:
        policy = replace(policy_of(settings, is_priced=False), lacks_rate=True)
        return replace(policy, fields={**policy.fields, Field.OPTIONS: IGNORE})


def pricing_digest(policy: Policy) -> str:
    """What CatalogueSettings.priced_with is compared with: another one means that prices must be made anew."""
    rule = policy.price_rule
    amounts = (rule.percent, rule.amount, rule.step, rule.ending, policy.rate)
    texts = [f"{amount.normalize():f}" for amount in amounts]
    return fingerprint([*texts, rule.rounding, policy.currency])


def settings_digest(settings: CatalogueSettings, policy: Policy) -> str:
    """What CatalogueSettings.synced_with is compared with: another one means that all products must be looked at."""
    connection = settings.connection
    chosen = selection.digest_of(selection_of(connection), share_of(connection.source))
    flags: list[bool | str] = [policy.merges_tags, policy.merges_images, policy.keeps_edits]
    flags += ["as in the source"] if policy.follows_visibility else []
    flags += ["removes own"] if policy.removes_own else []
    flags += ["videos"] if policy.moves else []
    flags += ["lacks a rate"] if policy.lacks_rate else []
    lists = [sorted(policy.namespaces), sorted(policy.publication_gids)]
    fields = {str(name): str(policy.of(name)) for name in CatalogueField}
    return fingerprint([settings.product_mode, fields, flags, lists, chosen])


def save_rates(rows: Iterable[RateRow]) -> int:
    """Take rows into the rate table, all or none; the same currencies and day are replaced. How many that were."""
    made = [CurrencyRate(base=row.base, quote=row.quote, rate=row.rate, valid_from=row.valid_from) for row in rows]
    with transaction.atomic():
        CurrencyRate.objects.bulk_create(
            made, update_conflicts=True, unique_fields=["base", "quote", "valid_from"], update_fields=["rate"]
        )
    return len(made)
