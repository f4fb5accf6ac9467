from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0017_metafields_of_variants'),
    ]

    operations = [
        migrations.AddField(
            model_name='resourcelink',
            name='awaits',
            field=models.JSONField(blank=True, db_default=[], default=list, editable=False),
        ),
        migrations.AddIndex(
            model_name='resourcelink',
            index=models.Index(condition=models.Q(('awaits', []), _negated=True), fields=['id'], name='resource_link_awaits'),
        ),
    ]
