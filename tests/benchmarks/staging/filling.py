"""Rows that the database makes by itself, from numbers: `n` counts the rows of the table that is being filled."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import DateTimeField, Model
from django.db.models.fields import NOT_PROVIDED

CONNECTIONS = 20


@dataclass(frozen=True)
class Sizes:
    """How many rows: of the ledger and of events, and of links; the other tables are fractions of them."""

    ledger: int
    links: int

    @property
    def big(self) -> int:
        """Links of the first connection, which has half of them all; they are the source's variants, too."""
        return self.links // 2


def fill(model: type[Model], count: int, **columns: str) -> None:
    """`count` rows of a model: field -> SQL of `n` (1, 2, …); other fields have their defaults, id is n."""
    names, values, parameters = [], [], []
    for field in model._meta.concrete_fields:
        if field.name in columns:
            value = columns[field.name]
        elif field.primary_key:
            value = "n"
        elif isinstance(field, DateTimeField) and not field.null:
            value = "now()"
        elif field.null or field.has_db_default() or getattr(field, "generated", False):
            continue
        else:
            default = field.get_default() if field.default is not NOT_PROVIDED else ""
            value = "%s"
            parameters.append(field.get_db_prep_save(default, connection))
        names.append(connection.ops.quote_name(field.column))
        values.append(value)
    table = connection.ops.quote_name(model._meta.db_table)
    rows = f"SELECT {', '.join(values)} FROM generate_series(1::bigint, {count}) AS n"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(names)}) {rows}", parameters)
        cursor.execute(f"SELECT setval(pg_get_serial_sequence(%s, 'id'), {max(1, count)})", [model._meta.db_table])


def one_of(*texts: str, by: str = "n") -> str:
    """SQL: one text after the other."""
    listed = ", ".join(f"'{text}'" for text in texts)
    return f"(ARRAY[{listed}])[1 + mod({by}, {len(texts)})]"


def rarely(common: str, **one_in: int) -> str:
    """SQL: a text that stands in most rows, and in one of so many another."""
    cases = " ".join(f"WHEN mod(n, {every}) = {every - 1} THEN '{text}'" for text, every in one_in.items())
    return f"CASE {cases} ELSE '{common}' END"


def title(number: str) -> str:
    """SQL: the title of a product."""
    nouns = one_of("sock", "shirt", "lamp", "chair", "bowl", "scarf", "mug", by=f"({number}) / 5")
    return f"{one_of('Red', 'Blue', 'Green', 'White', 'Black', by=number)} || ' ' || {nouns} || ' ' || ({number})"


def connection_of(sizes: Sizes, number: str = "n") -> str:
    return f"CASE WHEN {number} <= {sizes.big} THEN 1 ELSE 2 + mod({number}, {CONNECTIONS - 1}) END"


def source_variant_of(sizes: Sizes, number: str = "n") -> str:
    beyond = f"1 + ({number} - {sizes.big} - 1) / {CONNECTIONS - 1}"
    return f"CASE WHEN {number} <= {sizes.big} THEN {number} ELSE {beyond} END"


def days_ago(span: int, count: int) -> str:
    """SQL: instants of so many days, the newest last."""
    return f"now() - interval '{span} days' * (1 - n / {count}.0)"


def gids_of(kind: str) -> dict[str, str]:
    return {
        "source_gid": f"'gid://shopify/{kind}/' || n",
        "destination_gid": f"'gid://shopify/{kind}/' || (n + 10000000)",
    }
