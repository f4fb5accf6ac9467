from django.db import migrations, models

# Two links of the same two levels become one pair, the first: what the others wrote is the first one's.
ONE_OF_EACH = [
    """
    CREATE TEMPORARY TABLE pair_to_merge ON COMMIT DROP AS
    SELECT link.id, first.id AS first_id
    FROM syncing_stocklink link
    JOIN (SELECT connection_id, source_level_id, destination_level_id, min(id) AS id FROM syncing_stocklink
          GROUP BY 1, 2, 3 HAVING count(*) > 1) first
      ON first.connection_id = link.connection_id AND first.source_level_id = link.source_level_id
     AND first.destination_level_id = link.destination_level_id AND first.id <> link.id
    """,
    """
    UPDATE syncing_stockadjustment adjustment SET link_id = one.first_id
    FROM pair_to_merge one WHERE adjustment.link_id = one.id
    """,
    """
    UPDATE syncing_stockadjustment SET hold_id = NULL WHERE hold_id IN (
        SELECT hold.id FROM syncing_stockhold hold JOIN pair_to_merge one ON one.id = hold.link_id)
    """,
    "DELETE FROM syncing_stockhold hold USING pair_to_merge one WHERE hold.link_id = one.id",
    """
    UPDATE syncing_stocklink SET dirty_sequence = dirty_sequence + 1 WHERE id IN (SELECT first_id FROM pair_to_merge)
    """,
    "DELETE FROM syncing_stocklink link USING pair_to_merge one WHERE link.id = one.id",
    "DROP TABLE pair_to_merge",
    "SET CONSTRAINTS ALL IMMEDIATE",
]


class Migration(migrations.Migration):

    dependencies = [
        ('syncing', '0008_orders_need_the_shop'),
    ]

    operations = [
        migrations.RunSQL(ONE_OF_EACH, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='stocklink',
            constraint=models.UniqueConstraint(fields=('connection', 'source_level', 'destination_level'), name='pair_of_levels_once'),
        ),
    ]
