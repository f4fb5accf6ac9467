from django.db import migrations


def leave_them(apps, schema_editor):
    """Connections that are older carry no metafields of variants until somebody says so."""
    for row in apps.get_model("stores", "CatalogueSettings").objects.exclude(field_policies__has_key="variant_metafields"):
        row.field_policies = {**row.field_policies, "variant_metafields": "ignore"}
        row.save(update_fields=["field_policies"])


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0016_sales_that_are_refused'),
    ]

    operations = [
        migrations.RunPython(leave_them, migrations.RunPython.noop),
    ]
