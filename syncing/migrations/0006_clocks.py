"""Which adjustments are younger than a decision is told by their ids; and an alert of clocks that differ."""

from django.db import migrations, models

BEFORE = """
    UPDATE syncing_stockhold hold SET last_adjustment_id = coalesce((
        SELECT max(adjustment.id) FROM syncing_stockadjustment adjustment
        WHERE adjustment.link_id = hold.link_id AND adjustment.created_at <= hold.resolved_at
    ), 0)
    WHERE hold.state IN ('released', 'set_true')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('syncing', '0005_redis_is_no_longer_used'),
    ]

    operations = [
        migrations.AddField(
            model_name='stockhold',
            name='last_adjustment_id',
            field=models.BigIntegerField(db_default=0, editable=False),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('store_disconnected', 'Store disconnected'), ('store_attention', 'Store needs attention'), ('oversold', 'Oversold'), ('held', 'Held for a decision'), ('job_failed', 'Job failed'), ('heartbeat_missed', 'Scheduled work does not run'), ('workers_restarted', 'Workers were restarted'), ('events_wait', 'Webhooks wait'), ('event_failed', 'Webhook cannot be processed'), ('webhooks_silent', 'Webhooks do not arrive'), ('work_waits', 'Work waits'), ('channel_failed', 'Alerts do not arrive'), ('order_failed', 'Order not carried'), ('order_waits', 'Order waits'), ('stock_refused', 'Stock refused'), ('catalogue', 'Catalogue does not follow'), ('privacy', 'Privacy request waits'), ('overdue', 'Reconciliation overdue'), ('clock', 'Clocks differ')], max_length=20),
        ),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
    ]
