"""How a connection carries a destination's orders into the source: the choices of its operator."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, validate_email
from django.db import models, transaction

from stores.models import Connection

PATTERN_WORDS = ("{name}", "{number}", "{store}")


class OrderSettings(models.Model):
    """One row per connection, made with the defaults when it is first needed (`OrderSettings.of`)."""

    class When(models.TextChoices):
        CREATED = "created", "As soon as the order is placed"
        PAID = "paid", "When it is fully paid"
        REVIEW = "review", "After somebody has reviewed it"

    class PaymentStatus(models.TextChoices):
        SAME = "same", "Same as the original"
        PAID = "paid", "Paid"
        PENDING = "pending", "Payment pending"

    class InventoryBehaviour(models.TextChoices):
        DECREMENT_IGNORING = "decrement_ignoring", "Take the units from the source's stock, also below zero"
        DECREMENT_OBEYING = "decrement_obeying", "Take them only where the source allows it (else the copy fails)"
        BYPASS = "bypass", "Leave the source's stock alone (staff lower it)"

    class Unlinked(models.TextChoices):
        LEAVE_OUT = "leave_out", "Leave it out and mark the copy as partial"
        CUSTOM = "custom", "Add it as a custom line without stock"
        HOLD = "hold", "Keep the order waiting until it is linked"

    class Contact(models.TextChoices):
        CUSTOMER = "customer", "The customer's e-mail address and phone number"
        NONE = "none", "None: nobody is mailed by the source"
        FIXED = "fixed", "One address for all copies"

    class SharesCharges(models.TextChoices):
        VALUE = "value", "Shared by what the lines of each copy cost"
        MAIN = "main", "Whole to the main source's copy"

    class CopyChanges(models.TextChoices):
        REPORT = "report", "Report it: it needs the shop"
        CARRY = "carry", "Take the same units off the original"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="order_settings")
    when = models.CharField(
        "copy an order",
        max_length=8,
        choices=When.choices,
        default=When.CREATED,
        help_text="An order that waits for its payment or review already lowers what the source offers to all "
        "destinations.",
    )
    review_hours = models.PositiveSmallIntegerField(
        "copy what nobody reviewed after (hours)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Only where orders are reviewed: so long after it was placed an order is imported by itself. Empty: "
        "never.",
    )
    payment_status = models.CharField(
        "payment status of the copy",
        max_length=8,
        choices=PaymentStatus.choices,
        default=PaymentStatus.SAME,
        help_text="Real orders only. The money itself is in the destination; the copy only says so.",
    )
    inventory_behaviour = models.CharField(
        "stock of the copy",
        max_length=20,
        choices=InventoryBehaviour.choices,
        default=InventoryBehaviour.DECREMENT_IGNORING,
        help_text="Real orders only. If the source's stock is left alone, the destinations are offered the sold units "
        "again once the copy exists, until your staff lower the source's stock.",
    )
    name_pattern = models.CharField(
        "name of the copy",
        max_length=60,
        blank=True,
        help_text="Real orders only. {store}, {name} and {number} stand for the destination and the original order, "
        "for example {store}-{number}. Empty: the source numbers it like any other order.",
    )
    unlinked = models.CharField(
        "a line that is not linked", max_length=10, choices=Unlinked.choices, default=Unlinked.LEAVE_OUT
    )
    follows_place = models.BooleanField(
        "take the units where they were sold",
        default=True,
        db_default=True,
        help_text="Connections with two or more mapped locations: the copy, or the order that a draft becomes, takes "
        "its units from the location that stands for the one that sold. The source's app needs "
        "write_merchant_managed_fulfillment_orders; “Check store” says whether it has it.",
    )
    fulfils_counter_sales = models.BooleanField(
        "fulfil copies of counter sales",
        default=False,
        db_default=False,
        help_text="What the destination's point of sale sold and handed over is fulfilled in the source as soon as it "
        "is imported, at the location that stands for the one that sold: nobody packs it. Nobody is mailed. The "
        "source's app needs write_merchant_managed_fulfillment_orders; “Check store” says whether it has it.",
    )
    shows_unlinked = models.BooleanField(
        "show orders of which nothing is linked",
        default=True,
        db_default=True,
        help_text="They stand in the list “Waits for links”, and are told of when their products are linked later. "
        "Leave it out for a destination that sells other things, too.",
    )
    is_main = models.BooleanField(
        "main source of the destination",
        default=False,
        db_default=False,
        help_text="Where several sources import the destination's orders: this one's copy has what is linked to none "
        "of them. One of them is it; without a choice the connection that was started first.",
    )
    shares_charges = models.CharField(
        "shipping and charges of an order with several sources",
        max_length=6,
        choices=SharesCharges.choices,
        default=SharesCharges.VALUE,
        db_default=SharesCharges.VALUE,
        help_text="The choice of the main source counts. All copies together cost what the original costs.",
    )
    contact = models.CharField(
        "contact of the copy",
        max_length=8,
        choices=Contact.choices,
        default=Contact.CUSTOMER,
        db_default=Contact.CUSTOMER,
        help_text="Mails that the source sends by itself, such as of a shipment or of marketing, go to the copy's "
        "contact. The addresses stay in the copy in any case.",
    )
    contact_email = models.EmailField(
        "that one address",
        blank=True,
        default="",
        db_default="",
        help_text="Only where all copies have one address for their contact.",
    )
    carries_tags = models.BooleanField(
        "copy the original's tags",
        default=False,
        db_default=False,
        help_text="The copy gets the original's tags beside its own.",
    )
    carries_company = models.BooleanField(
        "copy the company",
        default=False,
        db_default=False,
        help_text="The company of the original's address stands in an attribute.",
    )
    currency_rate = models.DecimalField(
        max_digits=18,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text="Only if the stores have different currencies: what one unit of the destination's currency is worth "
        "in the source's. Empty: the rate table's, of the day on which the order was placed. Without either such "
        "orders fail and say so.",
    )
    sends_invoice = models.BooleanField(
        "send the draft's invoice", default=False, help_text="Drafts only: Shopify mails it to the order's customer."
    )
    reserve_days = models.PositiveSmallIntegerField(
        "reserve a draft's stock for (days)",
        default=7,
        validators=[MaxValueValidator(60)],
        help_text="Drafts only. 0: Shopify reserves nothing; no destination offers these units until the draft is "
        "completed or deleted.",
    )
    carries_fulfilments = models.BooleanField(
        "send fulfilments back",
        default=True,
        help_text="A shipment of the copy in the source, with its tracking, ships the original in the destination; "
        "cancelling the shipment cancels it there, too.",
    )
    # Off is Shopify's own default (FulfillmentInput.notifyCustomer), too: a mail cannot be called back.
    notifies_customers = models.BooleanField(
        "mail the customer about a shipment",
        default=False,
        help_text="Shopify mails the destination's customer when a shipment is sent back, and when its tracking "
        "changes. Leave it off if the destination has mails of its own for that.",
    )
    carries_cancellations = models.BooleanField(
        "send cancellations", default=True, help_text="Cancelling the original cancels the copy. No money moves."
    )
    restocks = models.BooleanField(
        "restock cancelled units", default=True, help_text="The units of a cancelled copy go back into stock."
    )
    carries_refunds = models.BooleanField(
        "send refunds",
        default=True,
        help_text="What is refunded or returned in the original is taken off the copy; off a draft only while nobody "
        "has changed it. No money moves.",
    )
    copy_changes = models.CharField(
        "what staff take off a copy",
        max_length=6,
        choices=CopyChanges.choices,
        default=CopyChanges.REPORT,
        db_default=CopyChanges.REPORT,
        help_text="When staff cancel, refund, edit or delete a copy. No money moves in the destination unless you "
        "choose so below, nobody is mailed, and units that are shipped there stay. What waits already goes, too, once "
        "its order is compared again. The destination's app needs write_orders; “Check store” says whether it has it.",
    )
    refunds_customer = models.BooleanField(
        "give the customer the money back",
        default=False,
        db_default=False,
        help_text="Only for units that are taken off a paid original because staff took them off its copy, also by "
        "“Apply to the original”: what Shopify suggests for them goes back to the payment they were bought with. "
        "Shipping does not. Off: your staff give it back by hand.",
    )
    notifies_new = models.BooleanField("mail on a new copy", default=True)
    notifies_partial = models.BooleanField("mail on a partial copy", default=True)
    notifies_failed = models.BooleanField("mail on a failed copy", default=True)
    notifies_needs_shop = models.BooleanField(
        "mail when an order needs the shop",
        default=True,
        db_default=True,
        help_text="Once for each decision: staff changed a copy, or units could not be added to it.",
    )
    notice_addresses = models.TextField(
        blank=True, help_text="Who gets these mails: addresses separated by commas or lines. Empty: nobody."
    )

    class Meta:
        verbose_name = "order settings"
        verbose_name_plural = "order settings"

    def __str__(self) -> str:
        return f"Orders of {self.connection}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the connection that becomes the main source of its destination takes the place of another."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            if self.is_main:
                others = OrderSettings.objects.filter(connection__destination=self.connection.destination_id)
                others.exclude(pk=self.pk).filter(is_main=True).update(is_main=False)

    @classmethod
    def of(cls, connection: Connection) -> "OrderSettings":
        """A connection's choices; the defaults, if nobody has chosen yet."""
        return cls.objects.get_or_create(connection=connection)[0]

    def addresses(self) -> list[str]:
        """Who gets mails, one entry per address."""
        return [part.strip() for part in self.notice_addresses.replace("\n", ",").split(",") if part.strip()]

    def clean(self) -> None:
        for address in self.addresses():
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError({"notice_addresses": f"“{address}” is not an e-mail address."}) from None
        if self.contact == self.Contact.FIXED and not self.contact_email:
            raise ValidationError({"contact_email": "Enter the address, or choose another contact."})
        words = [word for word in PATTERN_WORDS if word in self.name_pattern]
        if self.name_pattern and not {"{name}", "{number}"} & set(words):
            raise ValidationError({"name_pattern": "It needs {name} or {number}, or all copies would be called alike."})
        left = self.name_pattern
        for word in words:
            left = left.replace(word, "")
        if "{" in left or "}" in left:
            raise ValidationError({"name_pattern": f"Only {', '.join(PATTERN_WORDS)} can stand in braces."})
