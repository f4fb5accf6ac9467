"""The rate table: what a currency was worth in another one, from a day on."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

_CODE = RegexValidator(r"^[A-Z]{3}$", "Enter the three capital letters of the currency, like EUR.")


class CurrencyRate(models.Model):
    """One unit of `base` is `rate` units of `quote` from `valid_from` on, until the next row of the pair."""

    base = models.CharField("from", max_length=3, validators=[_CODE], help_text="The source's currency.")
    quote = models.CharField("to", max_length=3, validators=[_CODE], help_text="The destination's currency.")
    rate = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text="Units of the destination's currency for one unit of the source's.",
    )
    valid_from = models.DateField(help_text="The first day on which it counts (UTC).")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["base", "quote", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "valid_from"], name="rate_once_a_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="rate_above_zero"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="rate_of_two_currencies"),
        ]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote} from {self.valid_from}"

    def clean(self) -> None:
        if self.base and self.base == self.quote:
            raise ValidationError({"quote": "A currency needs no rate to itself."})
