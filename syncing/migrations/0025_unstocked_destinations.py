from django.db import migrations

# Until now nothing was known of the level of an item that a two-way destination does not stock any more. From now on
# what is left of it counts. What it changed by before the upgrade was never carried, and somebody may have counted
# since: it stands as it is, and both sides are aligned anew when the item is stocked again.
ALIGN_ANEW = """
    UPDATE syncing_stocklink link
    SET source_baseline = NULL, destination_baseline = NULL
    FROM syncing_stocklevel level, stores_connection own
    WHERE level.id = link.destination_level_id AND own.id = link.connection_id
      AND level.available IS NULL AND NOT level.is_active AND link.ending = ''
      AND own.aligned_strategy IN ('two_way', 'two_way_end')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('syncing', '0024_bulk_writes'),
    ]

    operations = [migrations.RunSQL(ALIGN_ANEW, migrations.RunSQL.noop)]
