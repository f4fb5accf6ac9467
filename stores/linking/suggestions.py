"""Suggestions from the database: the likely partners of variants without one, found by indexes, never by a scan.

The best one of each is kept on its link, so that a list of 100,000 can show and filter it. It is found anew when its
connection or its product is matched; a link's own page and whatever accepts a suggestion look afresh.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection as db

from stores.identifiers import why_no_identity
from stores.linking import scoring
from stores.linking.scoring import Candidate, Suggestion
from stores.models import Connection, Variant, VariantLink
from stores.models.variant import LOOSE, TITLE_WORDS, loosen_identifier
from stores.variants import refresh_statistics

State = VariantLink.State
OPEN = (State.UNMATCHED, State.AMBIGUOUS)
PORTION_ROWS = 2000
# With more than this without a partner the identifier is probably the wrong one, and titles would be searched for
# minutes. A link's own page always looks for its title, too.
MOST_TITLE_ROWS = 5000
KEY_ROWS, PRODUCT_ROWS, TITLE_ROWS = 20, 250, 60


@dataclass(frozen=True, slots=True)
class Suggested:
    """A possible partner of a link."""

    variant: Variant
    score: int
    reason: str


def suggest(links: Sequence[VariantLink], by_title: bool = True) -> dict[int, list[Suggested]]:
    """Link id to its suggestions, the best first. `links` are of one connection, with their source variants.

    Only variants of the destination that are alive and that no link has. What matching could not tell apart (the
    candidates of an ambiguous link) is among them.
    """
    if not links:
        return {}
    own = {link.pk: candidate_of(link.source_variant) for link in links}
    found = _rank(own, links[0].connection.destination_id, by_title)
    wanted = {one.id for ranked in found.values() for one in ranked}
    variants = Variant.objects.select_related("store").in_bulk(wanted)
    return {
        pk: [Suggested(variants[one.id], one.score, one.reason) for one in ranked if one.id in variants]
        for pk, ranked in found.items()
    }


def _rank(own: Mapping[int, Candidate], destination_pk: int, by_title: bool) -> dict[int, list[Suggestion]]:
    """Link id to what is suggested, the best first; `own` is the source variant of each link."""
    found = _by_identifier(own, destination_pk)
    if by_title:
        for link_pk, ids in _by_title(own, destination_pk).items():
            found[link_pk] |= ids
    wanted = sorted(set().union(*found.values()))
    rows = (
        _rows(f"SELECT {_COLUMNS} FROM stores_variant v WHERE v.id = ANY(%(ids)s)", {"ids": wanted}) if wanted else ()
    )
    candidates = {row[0]: _candidate(*row) for row in rows}
    return {
        pk: scoring.rank(one, [candidates[other] for other in found[pk] if other in candidates]) if pk in found else []
        for pk, one in own.items()
    }


_COLUMNS = "v.id, v.product_title, v.title, v.options::text, v.handle_key, v.sku_key, v.barcode_key"


def candidate_of(variant: Variant) -> Candidate:
    """A variant as suggesting compares it."""
    keys = (variant.handle_key, variant.sku_key, variant.barcode_key)
    return _candidate(variant.pk, variant.product_title, variant.title, json.dumps(variant.options), *keys)


def _candidate(
    pk: int, product_title: str, title: str, options: str, handle_key: str, sku_key: str, barcode_key: str
) -> Candidate:
    values = _values_of(options) or (title,)
    keys = ["" if why_no_identity(key) else key for key in (sku_key, barcode_key)]
    is_only = values in ((Variant.ONLY_TITLE,), ("",))
    return Candidate(pk, product_title, () if is_only else values, handle_key, *keys, *map(loosen_identifier, keys))


@lru_cache(maxsize=4096)
def _values_of(options: str) -> tuple[str, ...]:
    return tuple(value for _, value in json.loads(options))


_IS_FREE = """NOT EXISTS (SELECT 1 FROM stores_variantlink taken
                                WHERE taken.destination_variant_id = found.id AND taken.state = 'linked')"""
# Each key is looked up by itself, and no key brings more than a few rows: "n/a" may be the barcode of thousands.
_BY_KEY = """
    SELECT wanted.key, found.id FROM unnest(%(keys)s::text[]) AS wanted (key)
    CROSS JOIN LATERAL (SELECT found.id FROM stores_variant found
                        WHERE found.store_id = %(store)s AND found.gone_at IS NULL
                          AND {own_key} = wanted.key AND {has_one} AND {is_not_taken} LIMIT %(limit)s) found
"""
# The narrowest search that finds anything counts. What is taken is left out after the limit, else a shop of 50,000
# shirts would be gone through for each shirt. "+ 0" keeps it off the store's index: right after a first read, when
# the table's statistics still say that it is empty, the planner would take the whole shop for every single text.
_BY_TITLE = """
    SELECT wanted.link, found.id FROM unnest(%(links)s::bigint[], %(texts)s::text[]) AS wanted (link, text)
    CROSS JOIN LATERAL (SELECT own.id FROM stores_variant own
                        WHERE own.store_id + 0 = %(store)s AND own.gone_at IS NULL
                          AND {words} @@ plainto_tsquery('simple', wanted.text) LIMIT %(limit)s) found
    WHERE {is_not_taken}
"""


def _by_identifier(own: Mapping[int, Candidate], destination_pk: int) -> dict[int, set[int]]:
    loose, handles = defaultdict(list), defaultdict(list)
    for link_pk, variant in own.items():
        for key in {variant.loose_sku, variant.loose_barcode} - {""}:
            loose[key].append(link_pk)
        if variant.handle:
            handles[variant.handle].append(link_pk)
    found: dict[int, set[int]] = defaultdict(set)
    searches = [
        (LOOSE.format(column=f"found.{name}"), f"found.{name}", loose, KEY_ROWS) for name in ("sku_key", "barcode_key")
    ]
    for own_key, column, wanted, limit in [*searches, ("found.handle_key", "found.handle_key", handles, PRODUCT_ROWS)]:
        sql = _BY_KEY.format(own_key=own_key, has_one=f"{column} <> ''", is_not_taken=_IS_FREE)
        parameters = {"keys": list(wanted), "store": destination_pk, "limit": limit}
        for key, variant_pk in _rows(sql, parameters) if wanted else ():
            for link_pk in wanted[key]:
                found[link_pk].add(variant_pk)
    return found


def _by_title(own: Mapping[int, Candidate], destination_pk: int) -> dict[int, set[int]]:
    searches = {pk: scoring.title_searches(variant.title, variant.options) for pk, variant in own.items()}
    sql = _BY_TITLE.format(words=TITLE_WORDS.format(table="own"), is_not_taken=_IS_FREE)
    found: dict[int, set[int]] = defaultdict(set)
    for step in range(3):
        asked = [(pk, text) for pk, steps in searches.items() if steps and not found[pk] for text in steps[step]]
        if asked:
            parameters: dict[str, Any] = {"store": destination_pk, "limit": TITLE_ROWS}
            parameters |= {"links": [pk for pk, _ in asked], "texts": [text for _, text in asked]}
            for link_pk, variant_pk in _rows(sql, parameters):
                found[link_pk].add(variant_pk)
    return found


def _rows(sql: str, parameters: dict[str, Any]) -> list[tuple]:
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


# --- Kept on the links --------------------------------------------------------------------------------------------


def refresh(connection: Connection, source_pks: Collection[int] | None = None) -> None:
    """Keep the best suggestion of each open link; `source_pks` limits it to links of these source variants."""
    for _ in refresh_portions(connection, source_pks):
        pass


def refresh_portions(
    connection: Connection, source_pks: Collection[int] | None = None, *, after: int = 0
) -> Iterator[int]:
    """The same, portion by portion, of links whose ids are above `after`; the id of the last link of each that is done.

    Safe to repeat, and to end and go on after any portion.
    """
    drop_outdated(connection, source_pks)
    parameters: dict[str, Any] = {
        "connection": connection.pk,
        "pks": None if source_pks is None else sorted(source_pks),
    }
    ends = _rows(_ENDS, parameters | {"portion": PORTION_ROWS})
    count = ends[-1][1] if ends else 0
    if source_pks is None and not after:
        refresh_statistics(count)
    low = after
    for high in (high for high, _ in ends if high > after):
        rows = _rows(_OPEN, parameters | {"low": low, "high": high})
        own = {row[0]: _candidate(*row[4:]) for row in rows}
        found = _rank(own, connection.destination_id, by_title=count <= MOST_TITLE_ROWS)
        _keep(found, {pk: tuple(kept) for pk, *kept in (row[:4] for row in rows)})
        low = high
        yield high


def _keep(found: Mapping[int, Sequence[Suggestion]], kept: Mapping[int, tuple]) -> None:
    """Keep the best of each link, or that there is none, where that is not what is kept."""
    best = {pk: (some[0].id, some[0].score, some[0].reason) if some else (None, None, "") for pk, some in found.items()}
    new = [(pk, *one) for pk, one in best.items() if one != kept[pk]]
    if new:
        names = ("links", "variants", "scores", "reasons")
        with db.cursor() as cursor:
            cursor.execute(_KEEP, dict(zip(names, map(list, zip(*new, strict=True)), strict=True)))


_IS_OPEN = """link.connection_id = %(connection)s AND link.state IN ('unmatched', 'ambiguous') AND v.gone_at IS NULL
      AND (%(pks)s::bigint[] IS NULL OR link.source_variant_id = ANY(%(pks)s::bigint[]))"""
# The last link of each portion, and how many there are up to it.
_ENDS = f"""
    SELECT id, number FROM (
        SELECT link.id, row_number() OVER (ORDER BY link.id) AS number, count(*) OVER () AS count
        FROM stores_variantlink link JOIN stores_variant v ON v.id = link.source_variant_id WHERE {_IS_OPEN}
    ) numbered
    WHERE mod(number, %(portion)s) = 0 OR number = count ORDER BY id
"""
_OPEN = f"""
    SELECT link.id, link.suggested_variant_id, link.suggested_score, link.suggested_reason, {_COLUMNS}
    FROM stores_variantlink link JOIN stores_variant v ON v.id = link.source_variant_id
    WHERE {_IS_OPEN} AND link.id > %(low)s AND link.id <= %(high)s
"""
_KEEP = """
    UPDATE stores_variantlink link
    SET suggested_variant_id = new.variant, suggested_score = new.score,
        suggested_reason = left(new.reason, 255)
    FROM unnest(%(links)s::bigint[], %(variants)s::bigint[], %(scores)s::int[], %(reasons)s::text[])
         AS new (id, variant, score, reason)
    WHERE link.id = new.id AND link.state IN ('unmatched', 'ambiguous')
"""


def drop_outdated(connection: Connection, pks: Collection[int] | None = None) -> None:
    """Drop what is no suggestion any more: the partner has a link, or is gone, or the link found its own.

    `pks` limits it to what is suggested to these variants, or is one of them.
    """
    own = "" if pks is None else _FORGET_OF
    with db.cursor() as cursor:
        cursor.execute(_FORGET + own, {"connection": connection.pk, "pks": sorted(pks or ())})


_FORGET = """
    UPDATE stores_variantlink link
    SET suggested_variant_id = NULL, suggested_score = NULL, suggested_reason = ''
    WHERE link.connection_id = %(connection)s AND link.suggested_variant_id IS NOT NULL
      AND (link.state NOT IN ('unmatched', 'ambiguous')
           OR EXISTS (SELECT 1 FROM stores_variant d WHERE d.id = link.suggested_variant_id AND d.gone_at IS NOT NULL)
           OR EXISTS (SELECT 1 FROM stores_variantlink taken
                      WHERE taken.destination_variant_id = link.suggested_variant_id AND taken.state = 'linked'))
"""
_FORGET_OF = " AND (link.suggested_variant_id = ANY(%(pks)s) OR link.source_variant_id = ANY(%(pks)s))"


def forget(link: VariantLink) -> None:
    """Drop what was suggested to this link, and its partner where that was suggested to others."""
    nothing = {"suggested_variant": None, "suggested_score": None, "suggested_reason": ""}
    VariantLink.objects.filter(pk=link.pk).update(**nothing)
    if link.destination_variant_id:
        VariantLink.objects.filter(suggested_variant=link.destination_variant_id).update(**nothing)


def best_of(links: Iterable[VariantLink], least: int = 0) -> dict[int, Suggested | None]:
    """Link id to its best suggestion as it is right now, of links of any connections.

    With `least`, what scores less may be missed: what only its title speaks for is not looked for then.
    """
    by_connection: dict[int, list[VariantLink]] = defaultdict(list)
    for link in links:
        by_connection[link.connection_id].append(link)
    best: dict[int, Suggested | None] = {}
    for own in by_connection.values():
        found = suggest(own, by_title=least <= scoring.BEST_TITLE_SCORE)
        best |= {pk: some[0] if some else None for pk, some in found.items()}
    return best
