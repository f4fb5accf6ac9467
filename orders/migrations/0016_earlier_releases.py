"""What earlier releases do not know has a default of the database's, so that they can add rows beside this one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_counter_sales")]

    operations = [
        migrations.AlterField(
            model_name="orderimport",
            name="may_send_again",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
