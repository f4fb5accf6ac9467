"""The four roles as groups, and the triggers that record changes of the configuration.

Both are declared in code (stores.roles, stores.history) and repeated by `manage.py upsert_roles` in each release, so
that models and tables which come later are covered without another migration.
"""

from django.db import migrations

from stores import history, roles


def upsert(registry: object, editor: object) -> None:
    roles.upsert()
    history.upsert_triggers()


class Migration(migrations.Migration):
    dependencies = [
        ("stores", "0001_initial"),
        ("orders", "0001_initial"),
        ("syncing", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("otp_totp", "0003_add_timestamps"),
    ]
    operations = [migrations.RunPython(upsert, migrations.RunPython.noop)]
