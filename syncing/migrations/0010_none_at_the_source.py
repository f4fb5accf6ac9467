from django.db import migrations

# Until now a pair was skipped whose item is not stocked at the source location. From now on that counts as 0; what an
# existing one-way destination shows of such an item stands, and says so, until the source changes.
KEEP_WHAT_STANDS = """
    UPDATE syncing_stocklink link
    SET keeps_destination = true, source_baseline = 0, destination_baseline = level.available
    FROM syncing_stocklevel level, stores_connection own
    WHERE level.id = link.destination_level_id AND own.id = link.connection_id AND level.available IS NOT NULL
      AND link.state = 'skipped' AND link.reason = 'not stocked at the source location'
      AND own.strategy <> 'two_way' AND own.aligned_strategy NOT IN ('two_way', 'two_way_end')
      AND NOT EXISTS (SELECT 1 FROM syncing_stocklink other
                      WHERE other.destination_level_id = link.destination_level_id AND other.id <> link.id)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('syncing', '0009_pairs_once'),
    ]

    operations = [migrations.RunSQL(KEEP_WHAT_STANDS, migrations.RunSQL.noop)]
