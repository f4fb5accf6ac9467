"""A catalogue's selection becomes the connection's, and decides about stock and orders, too.

Where tags were ignored until now, because no catalogue was started, nothing ends until somebody confirms it.
"""

from django.db import migrations
from django.db.models import Q

LEFT_OUT = """
    UPDATE stores_variantlink link SET left_out = left(product.reason, 255)
    FROM stores_variant variant, stores_productlink product
    WHERE variant.id = link.source_variant_id AND product.connection_id = link.connection_id
      AND product.source_gid = variant.product_gid AND product.state = 'unlinked' AND product.reason <> ''
      AND product.departure IN ('not_shared', 'not_selected', 'excluded')
"""


def move(apps, schema_editor):
    Connection = apps.get_model("stores", "Connection")
    CatalogueSettings = apps.get_model("stores", "CatalogueSettings")
    names = {"with_tags": "selected_tags", "without_tags": "unselected_tags"}
    for row in CatalogueSettings.objects.exclude(selection="all"):
        Connection.objects.filter(pk=row.connection_id).update(**{names[row.selection]: row.selection_tags})
    selects = ~Q(selected_tags=[]) | ~Q(unselected_tags=[]) | ~Q(source__share_tags=[])
    started = CatalogueSettings.objects.filter(started_at__isnull=False).values("connection")
    ignored = Connection.objects.filter(selects, state="running").exclude(pk__in=started)
    Connection.objects.filter(pk__in=list(ignored.values_list("pk", flat=True))).update(ignores_selection=True)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(LEFT_OUT)


class Migration(migrations.Migration):

    dependencies = [
        ("stores", "0009_selection_of_connections"),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField("cataloguesettings", "selection"),
                migrations.RemoveField("cataloguesettings", "selection_tags"),
            ]
        ),
    ]
