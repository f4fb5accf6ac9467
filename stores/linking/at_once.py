"""Matching in the database: what the plainest rules suffice for is decided in one statement for many variants.

Most variants have exactly one partner, or none. stores.linking.matching says the same of them, one by one; whatever
asks for more (an identifier that several have or that identifies nothing, a partner that somebody else has, the options
of a product) is left to it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection as db

from stores import selecting
from stores.identifiers import why_no_identity
from stores.linking import matching
from stores.linking import rows as link_rows
from stores.linking.being_made import BEING_MADE
from stores.models import Connection
from stores.variants import KEYS

PORTION_ROWS = 20_000  # variants
_MARK = "\x00"  # no identifier has it


@dataclass(frozen=True, slots=True)
class Portion:
    """Open variants of the source: those with identifiers above `low` up to `high`, or with none and ids between."""

    low: str | int
    high: str | int

    @property
    def has_keys(self) -> bool:
        return isinstance(self.low, str)


def portions(connection: Connection) -> Iterator[Portion]:
    """All living variants that matching may decide, PORTION_ROWS or so at a time; those without an identifier last.

    Variants with one identifier are in one portion, however many they are.
    """
    column = KEYS[connection.identifier]
    starts: tuple[tuple[str, str, str | int], ...] = ((column, "<>", ""), ("id", "=", 0))
    for by, has_key, low in starts:
        sql = _ENDS.format(by=by, condition=f"v.{column} {has_key} ''", is_open=link_rows.IS_OPEN)
        for (high,) in _rows(sql, _stores(connection) | {"portion": PORTION_ROWS}):
            yield Portion(low, high)
            low = high


_ENDS = """
    SELECT DISTINCT last FROM (
        SELECT v.{by} AS last, row_number() OVER (ORDER BY v.{by}) AS number, count(*) OVER () AS count
        FROM stores_variant v
        LEFT JOIN stores_variantlink l ON l.source_variant_id = v.id AND l.connection_id = %(connection)s
        WHERE v.store_id = %(source)s AND v.gone_at IS NULL AND {condition} AND {is_open}
    ) numbered
    WHERE mod(number, %(portion)s) = 0 OR number = count
    ORDER BY last
"""


def match(connection: Connection, portion: Portion) -> tuple[int, list[list[str]]]:
    """Decide what is plain; how many links changed, and the identifiers left for rows.match_keys, in its portions."""
    left: list[tuple[str, int]] = []

    def work() -> int:
        parameters = _stores(connection) | {"low": portion.low, "high": portion.high} | _words(connection)
        parameters["odd"] = _odd_keys(connection, parameters) if portion.has_keys else []
        parameters["note"] = selecting.note_of_new(connection)
        column = KEYS[connection.identifier]
        own, other = (_HAS_KEY, _HAS_KEY) if portion.has_keys else (_HAS_NONE, "false")
        conditions = {"own": own.format(table="v", key=column), "other": other.format(table="d", key=column)}
        sql = _DECIDE.format(key=column, is_open=link_rows.IS_OPEN, making=BEING_MADE, **conditions)
        ((changed, keys, counts),) = _rows(sql, parameters)
        left[:] = zip(keys or (), counts or (), strict=True)
        return changed

    return link_rows.write(connection, work), list(_by_size(left))


def _stores(connection: Connection) -> dict[str, Any]:
    ids = {"source": connection.source_id, "destination": connection.destination_id}
    return {"connection": connection.pk, **ids}


def _words(connection: Connection) -> dict[str, Any]:
    before, after = matching.why_no_partner(connection.identifier, _MARK).split(_MARK)
    none = matching.why_no_identifier(connection.identifier)
    return {"before": before, "after": after, "none": none, "most": matching.QUOTED_CHARACTERS}


def _odd_keys(connection: Connection, parameters: dict[str, Any]) -> list[str]:
    """Identifiers of the portion that identify nothing; a handle is Shopify's own: it always names one product."""
    if connection.identifier == Connection.Identifier.HANDLE:
        return []
    column = KEYS[connection.identifier]
    condition = _HAS_KEY.format(table="v", key=column)
    sql = f"SELECT DISTINCT v.{column} FROM stores_variant v WHERE v.store_id = %(source)s AND {condition}"
    return [key for (key,) in _rows(sql, parameters) if why_no_identity(key)]


def _by_size(keys: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    some: list[str] = []
    size = 0
    for key, count in keys:
        some.append(key)
        size += count
        if size >= link_rows.PORTION_ROWS:
            yield some
            some, size = [], 0
    if some:
        yield some


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple]:
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


_HAS_KEY = "{table}.{key} > %(low)s AND {table}.{key} <= %(high)s"
_HAS_NONE = "{table}.{key} = '' AND {table}.id > %(low)s AND {table}.id <= %(high)s"
# `found` is NULL for what is left. "Its partner was deleted" tells more than that there is none: such a link stays.
_DECIDE = """
    WITH own AS (
        SELECT v.id, v.{key} AS key, count(*) OVER (PARTITION BY v.{key}) AS count, l.state, l.reason,
               {is_open} AS is_open, COALESCE(l.state = 'gone' AND p.gone_at IS NOT NULL, false) AS waits_for_partner
        FROM stores_variant v
        LEFT JOIN stores_variantlink l ON l.source_variant_id = v.id AND l.connection_id = %(connection)s
        LEFT JOIN stores_variant p ON p.id = l.destination_variant_id
        WHERE v.store_id = %(source)s AND v.gone_at IS NULL AND {own}
    ), other AS (
        SELECT d.{key} AS key, min(d.id) AS id, count(*) AS count FROM stores_variant d
        WHERE d.store_id = %(destination)s AND d.gone_at IS NULL AND {other} GROUP BY 1
    ), making AS ({making}
    ), finding AS (
        SELECT own.*, other.id AS partner,
               CASE WHEN own.key = ANY(%(odd)s::text[]) THEN NULL
                    WHEN other.id IS NULL THEN 'unmatched'
                    WHEN own.count = 1 AND other.count = 1 AND NOT EXISTS (
                         SELECT 1 FROM stores_variantlink taken
                         WHERE taken.destination_variant_id = other.id AND taken.state = 'linked')
                         AND NOT EXISTS (SELECT 1 FROM making WHERE making.id = other.id) THEN 'linked'
               END AS found,
               CASE WHEN other.id IS NOT NULL THEN ''
                    WHEN own.key = '' THEN %(none)s
                    WHEN char_length(own.key) <= %(most)s THEN %(before)s || own.key || %(after)s
                    ELSE %(before)s || left(own.key, %(most)s - 3) || '…' || %(after)s
               END AS why
        FROM own LEFT JOIN other ON other.key = own.key
        WHERE own.is_open
    ), saved AS (
        INSERT INTO stores_variantlink AS l (connection_id, source_variant_id, destination_variant_id, state, reason,
                                             is_manual, left_out, created_at, changed_at)
        SELECT %(connection)s, f.id, f.partner, f.found, f.why, false, %(note)s, now(), now() FROM finding f
        WHERE f.found IS NOT NULL AND NOT (f.found = 'unmatched' AND f.waits_for_partner)
          AND (f.state, f.reason) IS DISTINCT FROM (f.found, f.why)
        ORDER BY f.id
        ON CONFLICT (connection_id, source_variant_id) DO UPDATE
        SET destination_variant_id = EXCLUDED.destination_variant_id, state = EXCLUDED.state,
            reason = EXCLUDED.reason, changed_at = now()
        WHERE NOT l.is_manual AND l.state IN ('unmatched', 'ambiguous', 'gone')
        RETURNING l.id
    ), dropped AS (
        DELETE FROM stores_variantlink_candidates c USING saved WHERE c.variantlink_id = saved.id
    )
    SELECT (SELECT count(*) FROM saved), array_agg(rest.key), array_agg(rest.count)
    FROM (SELECT key, count(*) FROM finding WHERE found IS NULL GROUP BY key ORDER BY key) rest
"""
