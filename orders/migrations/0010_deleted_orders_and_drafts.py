"""When originals were last seen; and drafts that staff deleted, which gave their units back until now: so it stays."""

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Coalesce


def keep_as_decided(apps, schema_editor):
    """What both hold counts as agreed: the original its units, the copy none."""
    lines = apps.get_model("orders", "OrderImportLine").objects
    gone = lines.filter(order_import__draft_status="deleted", order_import__copy_order_gid="")
    gone.update(original_baseline=Coalesce("original_quantity", F("quantity")), copy_baseline=0, copy_quantity=0)


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_units_as_first_seen")]

    operations = [
        migrations.AddField(
            model_name="orderimport",
            name="original_found_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunPython(keep_as_decided, migrations.RunPython.noop),
    ]
