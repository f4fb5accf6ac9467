"""Links of variants that were deleted and made again in the source: the new one takes its place, partner and all.

A change of partner, not a departure: the row stays, so everything that hangs from it (stock, what an operator decided)
stays, too. Whatever is doubtful (an identifier that several have, or that identifies nothing) is left to matching.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import connection as db

from stores import selecting
from stores.identifiers import why_no_identity
from stores.models import Connection, Variant, VariantLink
from stores.variants import KEYS

State = VariantLink.State
MADE_AGAIN = "It was deleted in the source and made again: its successor has its partner."


@dataclass(frozen=True, slots=True)
class Place:
    """A variant of the source, gone or living. `row` is its link's id, None for none; `options` as stored."""

    variant: int
    product: str
    key: str
    options: str
    row: int | None = None
    is_open: bool = True  # matching may decide about it


def hand_over(connection: Connection, keys: Collection[str] | None = None) -> int:
    """Give the links of deleted variants to those that were made in their place; how many.

    `keys` are normalised identifiers, None for all. The caller holds the lock of links. Safe to repeat.
    """
    if connection.selected_product_gids:
        _choose_instead(connection)
    gone = _load_gone(connection, keys)
    if not gone:
        return 0
    living = _load_living(connection, {place.key for place in gone})
    pairs = find_pairs(gone, living, by_handle=connection.identifier == Connection.Identifier.HANDLE)
    for old, new in pairs:
        _replace(connection, old, new)
    return len(pairs)


def find_variants_instead(store_id: int, identifier: str, gone_pks: Collection[int]) -> dict[int, int]:
    """Which living variants of a store stand in the place of these deleted ones (our ids), whatever is linked.

    What is left of a variant that is no more, such as units that an order holds of it, goes to its successor.
    """
    by_handle, column = identifier == Connection.Identifier.HANDLE, KEYS[identifier]
    rows = Variant.objects.filter(store=store_id).order_by("pk").only(column, "options")
    gone = [(row, getattr(row, column)) for row in rows.filter(pk__in=gone_pks, gone_at__isnull=False)]
    known = [(row, key) for row, key in gone if key and (by_handle or not why_no_identity(key))]
    living: dict[str, list[Variant]] = defaultdict(list)
    for row in rows.filter(gone_at=None, **{f"{column}__in": {key for _, key in known}}):
        living[getattr(row, column)].append(row)
    found = {}
    for old, key in known:
        same = [new.pk for new in living[key] if not by_handle or new.options == old.options]
        if len(same) == 1:
            found[old.pk] = same[0]
    return found


def _choose_instead(connection: Connection) -> None:
    """Products that somebody has listed by hand are listed, once they are gone, as those that were made in their place.

    Whatever became of their partners: it is the source's product that was chosen.
    """
    variants = Variant.objects.filter(store=connection.source_id).order_by()
    listed = variants.filter(product_gid__in=connection.selected_product_gids)
    living = listed.filter(gone_at=None).values("product_gid")
    gone = dict(listed.exclude(product_gid__in=living).values_list("pk", "product_gid"))
    found = find_variants_instead(connection.source_id, connection.identifier, gone) if gone else {}
    named = dict(variants.filter(pk__in=found.values()).values_list("pk", "product_gid")) if found else {}
    successors: dict[str, set[str]] = defaultdict(set)
    for old, new in found.items():
        successors[gone[old]].add(named[new])
    if successors:
        selecting.choose_products_instead(connection, successors)


def find_pairs(gone: Iterable[Place], living: Iterable[Place], *, by_handle: bool) -> list[tuple[Place, Place]]:
    """Which living variant stands in the place of which deleted one; pure."""
    pairs = []
    successors = _by_key(living)
    for key, old in _by_key(gone).items():
        new = successors.get(key, [])
        if not by_handle:
            found = [(old[0], new[0])] if len(old) == len(new) == 1 and not why_no_identity(key) else []
        elif len({place.product for place in old}) == len({place.product for place in new}) == 1:
            found = _by_options(old, new)
        else:
            found = []
        pairs += [(mine, other) for mine, other in found if other.is_open]
    return pairs


def _by_key(places: Iterable[Place]) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        found[place.key].append(place)
    return found


def _by_options(old: list[Place], new: list[Place]) -> list[tuple[Place, Place]]:
    if len(old) == len(new) == 1:
        return [(old[0], new[0])]
    named: dict[str, list[Place]] = defaultdict(list)
    for place in new:
        named[place.options].append(place)
    counts: dict[str, int] = defaultdict(int)
    for place in old:
        counts[place.options] += 1
    return [
        (place, named[place.options][0])
        for place in old
        if len(named.get(place.options, ())) == counts[place.options] == 1
    ]


def _load_gone(connection: Connection, keys: Collection[str] | None) -> list[Place]:
    """Deleted variants that had a partner which nobody else has by now, or that an operator said something about."""
    column = KEYS[connection.identifier]
    with db.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.id, s.product_gid, s.{column}, s.options::text, l.id
            FROM stores_variantlink l
            JOIN stores_variant s ON s.id = l.source_variant_id
            LEFT JOIN stores_variant d ON d.id = l.destination_variant_id
            WHERE l.connection_id = %s AND l.state IN ('gone', 'ignored') AND s.gone_at IS NOT NULL
              AND s.{column} <> '' AND (%s::text[] IS NULL OR s.{column} = ANY(%s::text[]))
              AND (l.state = 'ignored' OR (d.gone_at IS NULL AND d.id IS NOT NULL AND NOT EXISTS (
                   SELECT 1 FROM stores_variantlink o WHERE o.destination_variant_id = d.id AND o.state = 'linked')))
              AND EXISTS (SELECT 1 FROM stores_variant n
                          WHERE n.store_id = s.store_id AND n.{column} = s.{column} AND n.gone_at IS NULL)
            ORDER BY l.id
            """,
            [connection.pk, *[None if keys is None else sorted(keys)] * 2],
        )
        return [Place(*row) for row in cursor.fetchall()]


def _load_living(connection: Connection, keys: Collection[str]) -> list[Place]:
    column = KEYS[connection.identifier]
    with db.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT v.id, v.product_gid, v.{column}, v.options::text, l.id,
                   l.id IS NULL OR (NOT l.is_manual AND l.state IN ('unmatched', 'ambiguous', 'gone'))
            FROM stores_variant v
            LEFT JOIN stores_variantlink l ON l.source_variant_id = v.id AND l.connection_id = %s
            WHERE v.store_id = %s AND v.gone_at IS NULL AND v.{column} = ANY(%s::text[])
            ORDER BY v.id
            """,
            [connection.pk, connection.source_id, sorted(keys)],
        )
        return [Place(*row) for row in cursor.fetchall()]


def _replace(connection: Connection, old: Place, new: Place) -> None:
    if new.row is not None:
        VariantLink.objects.filter(pk=new.row).delete()  # open: it says no more than that it waits for a partner
    assert old.row is not None  # what is gone was found by its link
    link = VariantLink.objects.get(pk=old.row)
    link.source_variant_id = new.variant
    if link.state == State.GONE:
        link.state, link.reason = State.LINKED, ""
    link.save(update_fields=["source_variant", "state", "reason", "changed_at"])
    VariantLink.objects.create(
        connection=connection,
        source_variant_id=old.variant,
        state=State.GONE,
        reason=MADE_AGAIN,
        left_out=selecting.note_of_new(connection),
    )
