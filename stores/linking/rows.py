"""Links as rows, in sets: what matching needs of them is loaded, what it found is written, portion by portion."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db import connection as db

from stores import locks, selecting
from stores.linking import matching
from stores.linking.being_made import load_makers
from stores.linking.matching import Finding, Item
from stores.locks import Lock
from stores.models import Connection, VariantLink
from stores.variants import KEYS

logger = logging.getLogger(__name__)

PORTION_ROWS = 2000  # variants

State = VariantLink.State
_STATES = {matching.MATCHED: State.LINKED, matching.UNMATCHED: State.UNMATCHED, matching.AMBIGUOUS: State.AMBIGUOUS}
# What matching may decide again: no link yet, or one in these states that no operator set.
IS_OPEN = "(l.id IS NULL OR (NOT l.is_manual AND l.state IN ('unmatched', 'ambiguous', 'gone')))"


def lock(destination_pk: int) -> None:
    """Be the only one, until the transaction ends, who writes links to this destination store."""
    locks.acquire_until_commit(Lock.LINKS, destination_pk)


def write(connection: Connection, work: Callable[[], int]) -> int:
    """Run `work` under the lock; once more when somebody claimed a variant in between, who is then seen.

    Of a connection that has ended nothing is matched: it claims nothing.
    """
    for attempt in (1, 2, 3):
        try:
            with transaction.atomic():
                lock(connection.destination_id)
                return 0 if is_over(connection) else work()
        except IntegrityError:
            logger.warning("%s: a destination variant was claimed meanwhile (attempt %s)", connection, attempt)
            if attempt == 3:
                raise
    raise AssertionError("unreachable")


def is_over(connection: Connection) -> bool:
    """Whether it has ended by now, whatever was known of it before."""
    over = (Connection.State.ENDED, Connection.State.REMOVED)
    return Connection.objects.filter(pk=connection.pk, state__in=over).exists()


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple]:
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _run(sql: str, parameters: Sequence[Any]) -> int:
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def mark_gone(connection: Connection, pks: Collection[int] | None = None) -> int:
    """Links whose source variant, or whose partner, was deleted; `pks` limits it to links of these variants."""
    return _run(
        """
        UPDATE stores_variantlink l
        SET state = 'gone', changed_at = now(), reason = CASE WHEN s.gone_at IS NULL
            THEN 'Its partner was deleted in the destination.' ELSE 'It was deleted in the source.' END
        FROM stores_variant s
        WHERE l.connection_id = %s AND l.source_variant_id = s.id AND l.state IN ('linked', 'unmatched', 'ambiguous')
          AND (%s::bigint[] IS NULL OR l.source_variant_id = ANY(%s::bigint[])
               OR l.destination_variant_id = ANY(%s::bigint[]))
          AND (s.gone_at IS NOT NULL OR (l.state = 'linked' AND EXISTS (
               SELECT 1 FROM stores_variant d WHERE d.id = l.destination_variant_id AND d.gone_at IS NOT NULL)))
        """,
        [connection.pk, *[_array(pks)] * 3],
    )


def bring_back(connection: Connection, pks: Collection[int] | None = None) -> int:
    """Links that were gone and whose both variants are back: the pair stays a pair, unless somebody claimed it."""
    return _run(
        """
        UPDATE stores_variantlink l
        SET state = 'linked', changed_at = now(), reason = ''
        FROM stores_variant s, stores_variant d
        WHERE l.connection_id = %s AND l.state = 'gone'
          AND (%s::bigint[] IS NULL OR l.source_variant_id = ANY(%s::bigint[])
               OR l.destination_variant_id = ANY(%s::bigint[]))
          AND s.id = l.source_variant_id AND s.gone_at IS NULL
          AND d.id = l.destination_variant_id AND d.gone_at IS NULL
          AND NOT EXISTS (
              SELECT 1 FROM stores_variantlink o JOIN stores_variant os ON os.id = o.source_variant_id
              WHERE o.destination_variant_id = l.destination_variant_id AND o.id <> l.id
                AND (o.state = 'linked' OR (o.state = 'gone' AND o.id < l.id AND os.gone_at IS NULL)))
        """,
        [connection.pk, *[_array(pks)] * 3],
    )


def _array(pks: Collection[int] | None) -> list[int] | None:
    return None if pks is None else sorted(pks)


def refresh_statistics() -> None:
    """Have PostgreSQL look at the links that were just written: its plans for the next sets depend on it."""
    with db.cursor() as cursor:
        cursor.execute("ANALYZE stores_variantlink")


def match_keys(connection: Connection, keys: Sequence[str]) -> int:
    """Match all open source variants with these identifiers; returns how many links changed."""

    def work() -> int:
        sources = _load_sources(connection, f"v.{KEYS[connection.identifier]} = ANY(%s)", keys)
        destinations = _load_destinations(connection, keys)
        claimed = load_claims([item.id for item in destinations])
        claimed |= load_makers(connection, [item.id for item in destinations if item.id not in claimed])
        wanted = {pk for pk, row in sources.items() if row.is_open}
        findings = matching.match(
            [row.item for row in sources.values()], destinations, connection.identifier, wanted, claimed
        )
        return _save(connection, sources, findings)

    return write(connection, work)


def match_without_key(connection: Connection, pks: Sequence[int]) -> int:
    """Say of these source variants that they have no identifier; returns how many links changed."""

    def work() -> int:
        sources = _load_sources(connection, "v.id = ANY(%s)", pks)
        open_items = [row.item for row in sources.values() if row.is_open and not row.item.identifier]
        return _save(connection, sources, matching.match(open_items, [], connection.identifier))

    return write(connection, work)


@dataclass(frozen=True, slots=True)
class _Source:
    """A living source variant and how its link stands."""

    item: Item
    is_open: bool
    link_pk: int | None
    state: str | None
    reason: str | None
    waits_for_partner: bool  # gone because its partner is, and not because it was itself


def _load_sources(connection: Connection, condition: str, values: Sequence[Any]) -> dict[int, _Source]:
    rows = _rows(
        f"""
        SELECT v.id, v.product_gid, v.{KEYS[connection.identifier]}, v.options::text,
               {IS_OPEN}, l.id, l.state, l.reason, COALESCE(l.state = 'gone' AND d.gone_at IS NOT NULL, false)
        FROM stores_variant v
        LEFT JOIN stores_variantlink l ON l.source_variant_id = v.id AND l.connection_id = %s
        LEFT JOIN stores_variant d ON d.id = l.destination_variant_id
        WHERE v.store_id = %s AND v.gone_at IS NULL AND {condition}
        """,
        [connection.pk, connection.source_id, list(values)],
    )
    return {row[0]: _Source(_item(row[:4]), *row[4:]) for row in rows}


def _load_destinations(connection: Connection, keys: Sequence[str]) -> list[Item]:
    column = KEYS[connection.identifier]
    rows = _rows(
        f"SELECT id, product_gid, {column}, options::text FROM stores_variant "
        f"WHERE store_id = %s AND gone_at IS NULL AND {column} = ANY(%s)",
        [connection.destination_id, list(keys)],
    )
    return [_item(row) for row in rows]


def _item(row: Sequence[Any]) -> Item:
    """From (id, product gid, identifier, options as JSON text)."""
    return Item(row[0], row[1], row[2], tuple((name, value) for name, value in json.loads(row[3])))


def load_claims(destination_pks: Collection[int]) -> dict[int, str]:
    """Who has these destination variants, in words, in whichever connection."""
    links = VariantLink.objects.filter(state=State.LINKED, destination_variant__in=destination_pks)
    return {
        link.destination_variant_id: claimant(link)
        for link in links.select_related("source_variant__store").order_by()
        if link.destination_variant_id is not None
    }


def claimant(link: VariantLink) -> str:
    """Who has the link's destination variant, in words."""
    return f"{link.source_variant} of {link.source_variant.store}"


def _save(connection: Connection, sources: dict[int, _Source], findings: Iterable[Finding]) -> int:
    """Write the findings that say something new; returns how many."""
    findings = list(findings)
    doubtful = [row.link_pk for row in sources.values() if row.state == State.AMBIGUOUS and row.link_pk is not None]
    known = _load_candidates(doubtful)
    new = [finding for finding in findings if _is_new(finding, sources[finding.source], known)]
    if not new:
        return 0
    # What an operator decided between our look and now stands: the condition looks again.
    saved = _rows(
        """
        INSERT INTO stores_variantlink AS l (connection_id, source_variant_id, destination_variant_id, state, reason,
                                             is_manual, left_out, created_at, changed_at)
        SELECT %s, f.source, f.destination, f.state, f.reason, false, %s, now(), now()
        FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS f(source, destination, state, reason)
        ON CONFLICT (connection_id, source_variant_id) DO UPDATE
        SET destination_variant_id = EXCLUDED.destination_variant_id, state = EXCLUDED.state,
            reason = EXCLUDED.reason, changed_at = now()
        WHERE NOT l.is_manual AND l.state IN ('unmatched', 'ambiguous', 'gone')
        RETURNING l.source_variant_id, l.id
        """,
        [
            connection.pk,
            selecting.note_of_new(connection),
            [finding.source for finding in new],
            [finding.destination for finding in new],
            [_STATES[finding.state] for finding in new],
            [finding.reason for finding in new],
        ],
    )
    _save_candidates(new, dict(saved))
    return len(saved)


def _is_new(finding: Finding, row: _Source, known: dict[int, tuple[int, ...]]) -> bool:
    if finding.state == matching.UNMATCHED and row.waits_for_partner:
        return False  # "its partner was deleted" tells more than "unmatched"
    if row.link_pk is None or row.state != _STATES[finding.state] or row.reason != finding.reason:
        return True
    return known.get(row.link_pk, ()) != finding.candidates


def _load_candidates(link_pks: Collection[int]) -> dict[int, tuple[int, ...]]:
    through = VariantLink.candidates.through.objects.filter(variantlink__in=link_pks)
    candidates: dict[int, tuple[int, ...]] = {}
    for link_pk, variant_pk in through.order_by("variant_id").values_list("variantlink_id", "variant_id"):
        candidates[link_pk] = (*candidates.get(link_pk, ()), variant_pk)
    return candidates


def _save_candidates(findings: Iterable[Finding], link_pks: dict[int, int]) -> None:
    through = VariantLink.candidates.through
    through.objects.filter(variantlink__in=link_pks.values()).delete()
    through.objects.bulk_create(
        [
            through(variantlink_id=link_pks[finding.source], variant_id=candidate)
            for finding in findings
            if finding.source in link_pks
            for candidate in finding.candidates
        ],
        batch_size=5000,
    )


def link_pairs(connection: Connection, pairs: Mapping[str, str]) -> int:
    """Link source with destination variants by their gids, where nobody decided otherwise; how many that were."""
    return _run(
        """
        INSERT INTO stores_variantlink AS l (connection_id, source_variant_id, destination_variant_id, state, reason,
                                             is_manual, left_out, created_at, changed_at)
        SELECT %s, s.id, d.id, 'linked', '', false, %s, now(), now()
        FROM unnest(%s::text[], %s::text[]) AS pair(source, destination)
        JOIN stores_variant s ON s.store_id = %s AND s.gid = pair.source AND s.gone_at IS NULL
        JOIN stores_variant d ON d.store_id = %s AND d.gid = pair.destination AND d.gone_at IS NULL
        WHERE NOT EXISTS (SELECT 1 FROM stores_variantlink o
                          WHERE o.destination_variant_id = d.id AND o.state = 'linked')
        ON CONFLICT (connection_id, source_variant_id) DO UPDATE
        SET destination_variant_id = EXCLUDED.destination_variant_id, state = 'linked', reason = '', changed_at = now()
        WHERE NOT l.is_manual AND l.state IN ('unmatched', 'ambiguous', 'gone')
        """,
        [
            connection.pk,
            selecting.note_of_new(connection),
            list(pairs),
            list(pairs.values()),
            connection.source_id,
            connection.destination_id,
        ],
    )


def drop_candidates(connection: Connection) -> None:
    """Only what is ambiguous has candidates."""
    through = VariantLink.candidates.through.objects
    through.filter(variantlink__connection=connection).exclude(variantlink__state=State.AMBIGUOUS).delete()
