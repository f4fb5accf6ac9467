"""Many rows changed by one plain statement: with bulk_update most of the time would go into its CASE expressions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection as db
from django.db.models import Field, Model


def update_rows(
    rows: Sequence[Model], names: Iterable[str], *, key: Sequence[str] = ("pk",), only: Mapping[str, Any] | None = None
) -> int:
    """Write these fields of rows that are known by `key`, of those alone that have the values in `only` by now.

    Returns how many that were. Other fields, and what a model does when it is saved, are left alone.
    """
    if not rows:
        return 0
    meta, quote = rows[0]._meta, db.ops.quote_name
    keys: list[Any] = [meta.pk if name == "pk" else meta.get_field(name) for name in key]
    fields: list[Any] = [meta.get_field(name) for name in names]
    columns, old = [*keys, *fields], quote(meta.db_table)
    given: dict[Any, Any] = {meta.get_field(name): value for name, value in (only or {}).items()}
    where = [f"{old}.{quote(field.column)} = new.{quote(field.column)}" for field in keys]
    where += [f"{old}.{quote(field.column)} = %s" for field in given]
    sql = f"""
        UPDATE {old} SET {", ".join(f"{quote(field.column)} = new.{quote(field.column)}" for field in fields)}
        FROM unnest({", ".join(f"%s::{_type_of(field)}[]" for field in columns)})
             AS new ({", ".join(quote(field.column) for field in columns)})
        WHERE {" AND ".join(where)}
    """
    values = [[field.get_db_prep_save(getattr(row, field.attname), db) for row in rows] for field in columns]
    with db.cursor() as cursor:
        cursor.execute(sql, [*values, *given.values()])
        return cursor.rowcount


def _type_of(field: Field) -> str:
    """Without a length: a cast would cut what is too long, in silence."""
    return re.sub(r"\(.*\)", "", str(field.cast_db_type(db)))
