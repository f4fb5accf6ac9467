"""What earlier releases do not know has a default of the database's, so that they can add rows beside this one."""

from datetime import timedelta

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stores", "0023_metaobjects")]

    operations = [
        migrations.AlterField(
            model_name="store",
            name="clock_difference",
            field=models.DurationField(db_default=timedelta(0), default=timedelta(0), editable=False),
        ),
    ]
