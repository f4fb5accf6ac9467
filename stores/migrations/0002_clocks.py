"""What Shopify's answers say of the time, and reads of catalogues told apart by number instead of by our clock."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE stores_variant_reads", "DROP SEQUENCE stores_variant_reads"),
        migrations.AddField(
            model_name='store',
            name='answered_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='store',
            name='clock_difference',
            field=models.DurationField(default=datetime.timedelta(0), editable=False),
        ),
        migrations.AddField(
            model_name='variant',
            name='read_number',
            field=models.BigIntegerField(db_default=0, editable=False, help_text='Which read saw it last.'),
        ),
    ]
