"""How many new variants a large shop takes in a day (row 53)."""

from __future__ import annotations

from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import FieldError

DAY = 86_400


def take_new_variants(shop: Shop, now: float, count: int) -> None:
    """Counts them. Raises FieldError where that is more than are left until tomorrow: none of them is made then."""
    most = shop.knobs.new_variants_per_day
    lately = [(at, made) for at, made in shop.variants_made if at > now - DAY]
    if most is not None and count and count + sum(made for _, made in lately) > most:
        message = "You have reached the limit of new variants that can be created in a day. Try again tomorrow."
        raise FieldError(message, "VARIANT_THROTTLE_EXCEEDED")
    shop.variants_made = [*lately, (now, count)]
