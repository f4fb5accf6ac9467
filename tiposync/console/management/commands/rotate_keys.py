"""`manage.py rotate_keys`: everything encrypted is encrypted anew with the first of CREDENTIAL_KEYS."""

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection as db

from stores.models.fields import EncryptedTextField, encrypt_anew


class Command(BaseCommand):
    help = (
        "Encrypts all stored credentials with the first key of CREDENTIAL_KEYS. To rotate: put a new key in front, "
        "restart web and workers, run this, then remove the old key and restart again. Safe to repeat and to "
        "interrupt; the product keeps working meanwhile."
    )

    def handle(self, *args: str, **options: object) -> None:
        changed = 0
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, EncryptedTextField) and field.column:
                    changed += _rotate(model._meta.db_table, field.column)
        self.stdout.write(f"{changed} credentials are encrypted with the first key now.")


def _rotate(table: str, column: str) -> int:
    table, column = db.ops.quote_name(table), db.ops.quote_name(column)
    changed = 0
    with db.cursor() as cursor:
        cursor.execute(f"SELECT id, {column} FROM {table} WHERE {column} <> ''")
        for pk, old in cursor.fetchall():
            # Only what still is what we read: a token may have been renewed meanwhile.
            cursor.execute(
                f"UPDATE {table} SET {column} = %s WHERE id = %s AND {column} = %s", [encrypt_anew(old), pk, old]
            )
            changed += cursor.rowcount
    return changed
