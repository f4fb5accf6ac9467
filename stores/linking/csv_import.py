"""Links in bulk: what a file would do to them, line by line, and doing it; and all of them as rows of a file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection as db
from django.db.models import QuerySet

from stores import selecting
from stores.linking import matching, suggestions
from stores.linking import rows as link_rows
from stores.linking.csv_file import CLEAR, DECISIONS, IGNORE, LINK, LinkRow
from stores.models import Connection, Store, Variant, VariantLink
from stores.shopify import gids
from stores.variants import KEYS, key_of

State = VariantLink.State
NOTHING = "nothing"


@dataclass(slots=True)
class Change:
    """What one line does. `effect` is one of DECISIONS or NOTHING; a `problem` means that the file is refused."""

    row: LinkRow
    connection: Connection | None = None
    source: Variant | None = None
    link: VariantLink | None = None
    partner: Variant | None = None
    effect: str = NOTHING
    words: str = ""
    problem: str = ""

    @property
    def found_connection(self) -> Connection:
        """The connection of a line whose own was found."""
        assert self.connection is not None  # a line without one has a problem, and `plan` goes no further with it
        return self.connection

    @property
    def found_source(self) -> Variant:
        """The source variant of a line without a problem."""
        assert self.source is not None  # `_find_sources` tells a problem where there is none
        return self.source

    @property
    def found_partner(self) -> Variant:
        """The destination variant of a line without a problem whose decision is to link."""
        assert self.partner is not None  # `_find_partners` tells a problem where there is none
        return self.partner


def name_of(connection: Connection) -> str:
    """A connection as the file names it: source:destination."""
    return f"{connection.source.domain}:{connection.destination.domain}"


# --- Export -------------------------------------------------------------------------------------------------------

_FIELDS = (
    "connection_id",
    *(f"source_variant__{name}" for name in ("handle", "sku", "barcode", "product_title", "title", "gid")),
    "state",
    "reason",
    *(f"destination_variant__{name}" for name in ("sku", "barcode", "product_title", "gid")),
    *(f"suggested_variant__{name}" for name in ("sku", "gid")),
    "suggested_score",
    "suggested_reason",
)


def export_rows(links: QuerySet[VariantLink]) -> Iterator[list[str]]:
    """The cells of each link in the order of csv_file.COLUMNS. Memory does not grow with their number."""
    names = {row.pk: name_of(row) for row in Connection.objects.select_related("source", "destination")}
    for connection_pk, *cells in links.values_list(*_FIELDS).iterator(chunk_size=2000):
        yield [names[connection_pk], *("" if cell is None else str(cell) for cell in cells), ""]


# --- Plan ---------------------------------------------------------------------------------------------------------


def lock_connections(rows: Iterable[LinkRow]) -> None:
    """Be the only one, until the transaction ends, who writes links of the connections that the file names."""
    known = _connections()
    named = {known[row.connection].destination_id for row in rows if row.connection in known}
    for destination_pk in sorted(named):
        link_rows.lock(destination_pk)


def plan(rows: Sequence[LinkRow]) -> list[Change]:
    """What each line does, in the order of the file; reads only, and a handful of times however many lines."""
    known = _connections()
    changes = [Change(row) for row in rows]
    by_connection: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        change.connection = known.get(change.row.connection)
        if not change.row.decision:
            change.words = "No decision: left alone."  # whatever became meanwhile of what it names
        elif change.connection is None:
            names = ", ".join(sorted({name for name in known if ":" in name})[:5]) or "none"
            change.problem = f"There is no connection “{change.row.connection}”. Known: {names}."
        elif change.row.decision.casefold() not in DECISIONS:
            change.problem = f"The decision “{change.row.decision}” is none of link, ignore, clear or blank."
        elif change.connection.state == Connection.State.ENDED:
            change.problem = f"{change.connection} is disconnected: connect it again first."
        else:
            by_connection[change.connection.pk].append(change)
    for group in by_connection.values():
        _find_sources(group)
        _find_partners(group)
    _judge([change for change in changes if change.row.decision and not change.problem])
    return changes


def _connections() -> dict[str, Connection]:
    rows = Connection.objects.select_related("source", "destination")
    return {name: row for row in rows for name in (name_of(row), str(row.pk))}


def _find_sources(changes: Sequence[Change]) -> None:
    connection = changes[0].found_connection
    named = [(change.row.source_gid, change.row.source_sku, change.row.source_barcode) for change in changes]
    known = _Known(connection.source, named)
    for change in changes:
        row = change.row
        change.source, change.problem = known.find(row.source_gid, row.source_sku, row.source_barcode)
    found = [change.source.pk for change in changes if change.source]
    links = connection.links.filter(source_variant__in=found).select_related("destination_variant")
    by_source = {link.source_variant_id: link for link in links}
    for change in changes:
        change.link = by_source.get(change.source.pk) if change.source else None


def _find_partners(changes: Sequence[Change]) -> None:
    wanted = [change for change in changes if not change.problem and change.row.decision.casefold() == LINK]
    rows = [change.row for change in wanted]
    store = changes[0].found_connection.destination
    known = _Known(store, [(row.destination_gid, row.destination_sku, row.destination_barcode) for row in rows])
    for change, row in zip(wanted, rows, strict=True):
        change.partner, change.problem = known.find(row.destination_gid, row.destination_sku, row.destination_barcode)


class _Known:
    """The variants of a store that lines name: by Shopify's id, else by SKU, else by barcode."""

    def __init__(self, store: Store, named: Iterable[tuple[str, str, str]]) -> None:
        self.store = store
        named = list(named)
        gid_set = {_gid(gid) for gid, _, _ in named if gid}
        self.by_gid = {row.gid: row for row in store.variants.filter(gid__in=gid_set)}
        missing = gid_set - set(self.by_gid)
        elsewhere = Variant.objects.filter(gid__in=missing).exclude(store=store).select_related("store")
        self.elsewhere = {row.gid: row.store for row in elsewhere}
        self.by_key: dict[tuple[str, str], list[Variant]] = defaultdict(list)
        for column, position in (("sku_key", 1), ("barcode_key", 2)):
            keys = {key_of(cells[position]) for cells in named if not cells[0]} - {""}
            for row in store.variants.filter(gone_at=None, **{f"{column}__in": keys}):
                self.by_key[column, getattr(row, column)].append(row)

    def find(self, gid: str, sku: str, barcode: str) -> tuple[Variant | None, str]:
        """The variant, or none and why."""
        if gid:
            variant = self.by_gid.get(_gid(gid))
            if variant is None:
                if other := self.elsewhere.get(_gid(gid)):
                    return None, f"The variant {gid} belongs to {other}, not to {self.store}."
                return None, f"{self.store} has no variant {gid}."
            return (None, f"{variant} was deleted in {self.store}.") if variant.gone_at else (variant, "")
        for name, text, column in (("SKU", sku, "sku_key"), ("barcode", barcode, "barcode_key")):
            if not text:
                continue
            found = self.by_key[column, key_of(text)]
            if len(found) == 1:
                return found[0], ""
            if found:
                return None, f"{len(found)} variants of {self.store} have the {name} “{text}”: give the gid instead."
            return None, f"{self.store} has no variant with the {name} “{text}”."
        return None, f"No variant of {self.store} is named: neither gid nor SKU nor barcode."


def _gid(text: str) -> str:
    return gids.gid("ProductVariant", text) if text.isdigit() and text.isascii() and len(text) <= 20 else text


def _judge(changes: Sequence[Change]) -> None:
    """Tell what each line does; refuse lines that contradict each other, and partners that are taken."""
    seen: dict[tuple[int, int], Change] = {}
    for change in changes:
        key = (change.found_connection.pk, change.found_source.pk)
        if first := seen.get(key):
            change.problem = f"Line {first.row.line} is about the same variant."
        seen.setdefault(key, change)
        _state_effect(change)
    released = {change.link.pk for change in changes if change.link and change.effect != NOTHING}
    partners = {change.partner.pk for change in changes if change.partner}
    links = VariantLink.objects.filter(state=State.LINKED, destination_variant__in=partners).exclude(pk__in=released)
    claims = {link.destination_variant_id: link for link in links.select_related("source_variant__store")}
    wanted: dict[int, Change] = {}
    for change in changes:
        if change.effect != LINK or change.problem:
            continue
        partner = change.found_partner
        if first := wanted.get(partner.pk):
            change.problem = f"Line {first.row.line} links the same partner, {partner}."
        elif link := claims.get(partner.pk):
            change.problem = f"{partner} is already linked to {link_rows.claimant(link)}. Release that link first."
        wanted.setdefault(partner.pk, change)


def _state_effect(change: Change) -> None:
    decision, link, source = change.row.decision.casefold(), change.link, change.source
    if decision == LINK:
        if link and link.state == State.LINKED and link.destination_variant_id == change.found_partner.pk:
            change.words = "Linked to it already."
            return
        now = f" instead of {link.destination_variant}" if link and link.state == State.LINKED else ""
        change.effect, change.words = LINK, f"Links {source} to {change.partner}{now}."
    elif decision == IGNORE:
        if link and link.state == State.IGNORED:
            change.words = "Ignored already."
        else:
            change.effect, change.words = IGNORE, f"Leaves {source} out of syncing."
    elif link and (link.is_manual or link.state == State.LINKED):
        change.effect, change.words = CLEAR, f"Forgets what was decided of {source}: matching decides again."
    else:
        change.words = "Nothing is decided of it: there is nothing to clear."


# --- Apply --------------------------------------------------------------------------------------------------------


def apply(changes: Iterable[Change], by: object) -> list[Connection]:
    """Do what the plan says, inside the caller's transaction and locks; returns the connections that it concerns.

    In sets: 5,000 lines take a few statements. Raises IntegrityError when a partner was claimed in between.
    """
    groups: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        if change.effect != NOTHING and not change.problem:
            groups[change.found_connection.pk].append(change)
    for pk in sorted(groups):  # first let go of everything: two links may swap their partners
        _release(groups[pk])
    for pk in sorted(groups):
        _decide(groups[pk], by)
    for pk in sorted(groups):
        _match_again([change for change in groups[pk] if change.effect == CLEAR])
        suggestions.drop_outdated(groups[pk][0].found_connection)
    return [groups[pk][0].found_connection for pk in sorted(groups)]


def _release(changes: Sequence[Change]) -> None:
    with db.cursor() as cursor:
        sources = [change.found_source.pk for change in changes]
        connection = changes[0].found_connection
        cursor.execute(_RELEASE, [connection.pk, selecting.note_of_new(connection), sources])
        touched = [pk for (pk,) in cursor.fetchall()]
    VariantLink.candidates.through.objects.filter(variantlink__in=touched).delete()


_RELEASE = """
    INSERT INTO stores_variantlink AS l (connection_id, source_variant_id, state, reason, is_manual, left_out,
                                         created_at, changed_at)
    SELECT %s, source, 'unmatched', 'Not matched yet.', false, %s, now(), now()
    FROM unnest(%s::bigint[]) AS given (source)
    ON CONFLICT (connection_id, source_variant_id) DO UPDATE
    SET destination_variant_id = NULL, state = 'unmatched', reason = EXCLUDED.reason, is_manual = false,
        changed_at = now()
    RETURNING l.id
"""


def _decide(changes: Sequence[Change], by: object) -> None:
    decided = [change for change in changes if change.effect in (LINK, IGNORE)]
    words = {LINK: f"Linked by {by}, from a file.", IGNORE: f"Ignored by {by}, from a file."}
    columns: list[list[Any]] = [
        [change.found_source.pk for change in decided],
        [change.partner.pk if change.partner else None for change in decided],
        [(State.LINKED if change.effect == LINK else State.IGNORED).value for change in decided],
        [words[change.effect][: matching.REASON_CHARACTERS] for change in decided],
    ]
    with db.cursor() as cursor:
        cursor.execute(_DECIDE, [*columns, changes[0].found_connection.pk])


_DECIDE = """
    UPDATE stores_variantlink l
    SET destination_variant_id = new.partner, state = new.state, reason = new.reason, is_manual = true,
        changed_at = now()
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) AS new (source, partner, state, reason)
    WHERE l.connection_id = %s AND l.source_variant_id = new.source
"""


def _match_again(cleared: Sequence[Change]) -> None:
    if not cleared:
        return
    connection = cleared[0].found_connection
    column = KEYS[connection.identifier]
    keys = {change.found_source.pk: getattr(change.found_source, column) for change in cleared}
    link_rows.mark_gone(connection, list(keys))
    link_rows.match_keys(connection, sorted({key for key in keys.values() if key}))
    link_rows.match_without_key(connection, [pk for pk, key in keys.items() if not key])
    suggestions.refresh(connection, list(keys))
