from django.db import migrations
from django.db.models import Q

PLAIN = r"^[ -~]*$"  # what is written in ASCII alone has the key that it had
ROWS = 1000


def renew_keys(apps, schema_editor):
    """Identifiers are compared in one form of Unicode: the keys of what is known already, too. Links stay as they are."""
    from stores.variants import key_of

    Variant = apps.get_model("stores", "Variant")
    others = Variant.objects.exclude(Q(handle__regex=PLAIN) & Q(sku__regex=PLAIN) & Q(barcode__regex=PLAIN))
    changed = []
    for variant in others.only("pk", "handle", "sku", "barcode").order_by("pk").iterator(chunk_size=ROWS):
        for name in ("handle", "sku", "barcode"):
            setattr(variant, f"{name}_key", key_of(getattr(variant, name)))
        changed.append(variant)
        if len(changed) == ROWS:
            Variant.objects.bulk_update(changed, ["handle_key", "sku_key", "barcode_key"])
            changed = []
    Variant.objects.bulk_update(changed, ["handle_key", "sku_key", "barcode_key"])


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0003_store_trouble'),
    ]

    operations = [migrations.RunPython(renew_keys, migrations.RunPython.noop)]
