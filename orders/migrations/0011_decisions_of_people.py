# What already needs the shop as this is installed was told by its alert: no mail comes of it.

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_deleted_orders_and_drafts")]

    operations = [
        migrations.AddField(
            model_name="orderupdate",
            name="is_noticed",
            field=models.BooleanField(db_default=True, default=True, editable=False),
        ),
        migrations.AlterField(
            model_name="orderupdate",
            name="is_noticed",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="orderimport",
            name="is_reviewed",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="ordersettings",
            name="copy_changes",
            field=models.CharField(
                choices=[("report", "Report it: it needs the shop"), ("carry", "Take the same units off the original")],
                db_default="report",
                default="report",
                help_text="When staff cancel, refund, edit or delete a copy. No money moves in the destination, nobody is mailed, and units that are shipped there stay. What waits already goes, too, once its order is compared again. The destination's app needs write_orders.",
                max_length=6,
                verbose_name="what staff take off a copy",
            ),
        ),
        migrations.AddField(
            model_name="ordersettings",
            name="notifies_needs_shop",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Once for each decision: staff changed a copy, or units could not be added to it.",
                verbose_name="mail when an order needs the shop",
            ),
        ),
        migrations.AddField(
            model_name="ordersettings",
            name="review_hours",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Only where orders are reviewed: so long after it was placed an order is copied by itself. Empty: never.",
                null=True,
                validators=[MinValueValidator(1), MaxValueValidator(1000)],
                verbose_name="copy what nobody reviewed after (hours)",
            ),
        ),
        migrations.AlterField(
            model_name="orderimport",
            name="waits_for",
            field=models.CharField(
                blank=True,
                choices=[("payment", "Its payment"), ("links", "Its products to be linked"), ("review", "Its review")],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="ordersettings",
            name="when",
            field=models.CharField(
                choices=[
                    ("created", "As soon as the order is placed"),
                    ("paid", "When it is fully paid"),
                    ("review", "After somebody has reviewed it"),
                ],
                default="created",
                help_text="An order that waits for its payment or review already lowers what the source offers to all destinations.",
                max_length=8,
                verbose_name="copy an order",
            ),
        ),
        migrations.AlterField(
            model_name="orderupdate",
            name="kind",
            field=models.CharField(
                choices=[
                    ("fulfilment", "Fulfilment, back to the destination"),
                    ("cancellation", "Cancellation, to the copy"),
                    ("refund", "Refund, to the copy"),
                    ("edit", "Edited in the destination"),
                    ("payment", "Paid in the destination"),
                    ("copy_changed", "Changed in the source"),
                    ("carry_back", "Taken off the original, too"),
                ],
                max_length=12,
            ),
        ),
    ]
