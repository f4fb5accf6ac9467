"""Which products take part in a connection, as rows: what is known of them is read and kept, the decision noted.

Stock, orders and catalogue ask `Chooser`, or the note that it leaves on each link (`VariantLink.left_out`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db import connection as db
from django.db import transaction

from stores import selection
from stores.models import ChosenCollection, Connection, Product, ProductLink, Store, VariantLink
from stores.selection import Decision, Facts, Selection, Share
from stores.shopify.client import Client
from stores.shopify.content import collections
from stores.shopify.errors import ObjectNotFound
from stores.shopify.products import product_heads
from stores.variants import number_read, save_facts

PORTION_ROWS = 1000
REASON_CHARACTERS = 255
UNDECIDED = "It is not decided yet whether it takes part."


def share_of(source: Store) -> Share:
    """What a source shares of its products."""
    return Share(source.shares_products, tuple(source.share_tags), tuple(source.share_collection_gids))


def selection_of(connection: Connection) -> Selection:
    """What a connection wants of it."""
    return Selection(
        tuple(connection.selected_tags),
        tuple(connection.unselected_tags),
        tuple(connection.selected_collection_gids),
        tuple(connection.selected_vendors),
        tuple(connection.selected_product_types),
        tuple(connection.selected_product_gids),
    )


def in_force(connection: Connection) -> tuple[Selection, Share]:
    """What decides about stock and orders: of a connection that is older than this, nothing but sharing at all."""
    if connection.ignores_selection:
        return selection.ALL, Share(connection.source.shares_products)
    return selection_of(connection), share_of(connection.source)


def named_collections(wanted: Selection, share: Share) -> set[str]:
    """The collections whose products must be known."""
    return {*wanted.collections, *share.collections}


@dataclass(frozen=True, slots=True)
class Chooser:
    """Decides about the products of a connection; `members` are those of each named collection."""

    selection: Selection
    share: Share
    members: dict[str, frozenset[str]] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)

    def facts(self, gid: str, tags: Iterable[str], vendor: str, product_type: str) -> Facts:
        """What is known of a product, with the collections that it is in."""
        found = frozenset(name for name, gids in self.members.items() if gid in gids)
        return Facts(gid, tuple(tags), vendor, product_type, found)

    def decide(self, gid: str, tags: Iterable[str], vendor: str, product_type: str) -> Decision:
        """Whether this product takes part, and why not."""
        facts = self.facts(gid, tags, vendor, product_type)
        return selection.wants(facts, self.selection, self.share, self.excluded.get(gid, ""))


def chooser(connection: Connection, wanted: Selection | None = None, share: Share | None = None) -> Chooser:
    """By the connection's settings, or by others. Collections that were never read have no products."""
    wanted = selection_of(connection) if wanted is None else wanted
    share = share_of(connection.source) if share is None else share
    rows = ChosenCollection.objects.filter(store=connection.source, gid__in=named_collections(wanted, share))
    members = {row.gid: frozenset(row.product_gids) for row in rows}
    excluded = connection.product_links.exclude(excluded_by="").values_list("source_gid", "excluded_by")
    return Chooser(wanted, share, members, dict(excluded))


# --- What is known ------------------------------------------------------------------------------------------------


def read_facts(source: Store, client: Client, gids: Collection[str]) -> None:
    """Read what selections ask for of all products of a source, and the products of these collections."""
    number = number_read()
    read_collections(source, client, gids)
    portion: list[product_heads.ProductHead] = []
    for head in product_heads.iter_product_heads(client):
        portion.append(head)
        if len(portion) == PORTION_ROWS:
            note_heads(source, portion, number)
            portion = []
    note_heads(source, portion, number)


def note_heads(
    source: Store, heads: Sequence[product_heads.ProductHead], number: int
) -> list[product_heads.ProductHead]:
    """Keep what the read of this number saw of these products. Returns them as they are known now."""
    save_facts(source, [(head.gid, head.tags, head.vendor, head.product_type) for head in heads], number)
    since = Product.objects.filter(store=source, gid__in=[head.gid for head in heads], read_number__gt=number)
    newer = {row.gid: row for row in since}
    return [_as_known(head, newer[head.gid]) if head.gid in newer else head for head in heads]


def _as_known(head: product_heads.ProductHead, row: Product) -> product_heads.ProductHead:
    return replace(head, tags=tuple(row.tags), vendor=row.vendor, product_type=row.product_type)


def read_collections(source: Store, client: Client, gids: Collection[str]) -> None:
    """Read the products of these collections; one that is gone has none. Raises as the client does.

    One that was deleted and made again is chosen from then on wherever the one before was: by its handle.
    """
    for gid in sorted(gids):
        number, handle = number_read(), collections.handle_of(client, gid)
        if not handle and (new := _find_successor(source, client, gid)):
            _choose_collection_instead(source, gid, new)
            gid, handle = new, collections.handle_of(client, new)
        try:
            members = sorted(set(collections.read_members(client, gid))) if handle else []
        except ObjectNotFound:
            members = []
        with db.cursor() as cursor:
            cursor.execute(_SAVE_COLLECTION, [source.pk, gid, members, handle[:255], number])


# What is gone keeps its handle: something may be made in its place.
_SAVE_COLLECTION = """
    INSERT INTO stores_chosencollection AS known (store_id, gid, product_gids, handle, read_number)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (store_id, gid) DO UPDATE
    SET product_gids = EXCLUDED.product_gids, read_number = EXCLUDED.read_number,
        handle = COALESCE(NULLIF(EXCLUDED.handle, ''), known.handle)
    WHERE known.read_number <= EXCLUDED.read_number
"""


def _find_successor(source: Store, client: Client, gid: str) -> str:
    row = ChosenCollection.objects.filter(store=source, gid=gid).exclude(handle="").first()
    return (collections.find_by_handle(client, row.handle) or "") if row else ""


def _choose_collection_instead(source: Store, gid: str, new: str) -> None:
    with transaction.atomic():
        rows = Connection.objects.select_for_update(of=("self",)).filter(source=source)
        for row in rows.filter(selected_collection_gids__contains=[gid]).order_by("pk"):
            chosen = _instead(row.selected_collection_gids, gid, [new])
            Connection.objects.filter(pk=row.pk).update(selected_collection_gids=chosen)
        store = Store.objects.select_for_update(of=("self",)).get(pk=source.pk)
        if gid in store.share_collection_gids:
            source.share_collection_gids = _instead(store.share_collection_gids, gid, [new])
            Store.objects.filter(pk=source.pk).update(share_collection_gids=source.share_collection_gids)
        ChosenCollection.objects.filter(store=source, gid=gid).delete()


def _instead(chosen: Iterable[str], gid: str, others: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(one for known in chosen for one in (others if known == gid else [known])))


def choose_products_instead(connection: Connection, successors: Mapping[str, Collection[str]]) -> None:
    """Have products that are listed by hand be listed as what they were made again as: gid -> gids. Safe to repeat."""
    rows = Connection.objects.filter(pk=connection.pk)
    before = rows.values_list("selected_product_gids", flat=True).get()
    after = before
    for gid in successors.keys() & set(before):
        after = _instead(after, gid, sorted(successors[gid]))
    if after != before:
        rows.update(selected_product_gids=after)
    connection.selected_product_gids = after


def know_chosen(connection: Connection) -> None:
    """Know what is chosen by now: what was made again has taken the place of what it was made for."""
    if connection.selected_collection_gids or connection.selected_product_gids:
        connection.refresh_from_db(fields=["selected_collection_gids", "selected_product_gids"])


def find_missing(source: Store) -> list[str]:
    """Collections that decide about products, and have none, as far as is known: they may be gone, and made again."""
    named = find_watched(source).collection_gids
    empty = ChosenCollection.objects.filter(store=source, gid__in=named, product_gids=[])
    return sorted(empty.values_list("gid", flat=True)) if named else []


def ensure_facts(connection: Connection, client: Client, wanted: Selection, share: Share) -> None:
    """Read what these settings ask for and is not known yet. Raises as the client does."""
    named = named_collections(wanted, share)
    if selection.needs_facts(wanted, share) and _has_unknown(connection):
        read_facts(connection.source, client, named)
    else:
        ensure_collections(connection.source, client, named)


def ensure_collections(source: Store, client: Client, gids: Collection[str]) -> None:
    """Read those of these collections that were never read. Raises as the client does."""
    if gids:
        known = ChosenCollection.objects.filter(store=source, gid__in=gids).values_list("gid", flat=True)
        read_collections(source, client, set(gids) - set(known))


def _has_unknown(connection: Connection) -> bool:
    with db.cursor() as cursor:
        cursor.execute(_UNKNOWN, [connection.pk])
        return bool(cursor.fetchone())


_UNKNOWN = """
    SELECT 1 FROM stores_variantlink link JOIN stores_variant variant ON variant.id = link.source_variant_id
    WHERE link.connection_id = %s AND variant.gone_at IS NULL AND NOT EXISTS (
          SELECT 1 FROM stores_product product
          WHERE product.store_id = variant.store_id AND product.gid = variant.product_gid)
    LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What of a source's products decides about anything along any of its connections.

    `needs_facts`: whether their tags, vendor, type or collections do. `collection_gids`: the products of these.
    """

    needs_facts: bool = False
    collection_gids: frozenset[str] = frozenset()


def find_watched(source: Store) -> Watched:
    """What is watched of a source; of a destination nothing is."""
    if not source.is_source:
        return Watched()
    rows = list(Connection.objects.filter(source=source).only(*_SELECTS).order_by())
    named = {gid for row in rows for gid in row.selected_collection_gids}
    needs_facts = any(selection.needs_facts(selection_of(row), share_of(source)) for row in rows)
    return Watched(needs_facts, frozenset({*source.share_collection_gids, *named}))


_SELECTS = [f"selected_{name}" for name in ("tags", "collection_gids", "vendors", "product_types", "product_gids")]
_SELECTS += ["unselected_tags"]


# --- What is decided ----------------------------------------------------------------------------------------------


def note_of_new(connection: Connection) -> str:
    """What a new link says until it is decided about: '' where everything takes part.

    A link counts from its commit on, the decision comes in another one: an order in between would take it for one that
    takes part.
    """
    if selection.digest_of(*in_force(connection)) or connection.product_links.exclude(excluded_by="").exists():
        return UNDECIDED
    return ""


def is_stale(connection: Connection) -> bool:
    """Whether the settings are others than those that each product was last decided about with."""
    return connection.decided_with != selection.digest_of(*in_force(connection))


def decide(connection: Connection, product_gids: Collection[str] = ()) -> set[str]:
    """Note on each link (or on those of these products) whether it takes part; the products for which that changed.

    A product of which nothing is known stays as it is, where something must be known.
    """
    with transaction.atomic():
        # One at a time: another one's may be newer.
        row = Connection.objects.select_for_update(of=("self",)).select_related("source").get(pk=connection.pk)
        by = chooser(row, *in_force(row))
        changed = dict(_changes(row, by, product_gids))
        if changed:
            with db.cursor() as cursor:
                cursor.execute(_NOTE, [list(changed), list(changed.values()), row.pk])
        if not product_gids:
            digest = selection.digest_of(by.selection, by.share)
            Connection.objects.filter(pk=row.pk).exclude(decided_with=digest).update(decided_with=digest)
            connection.decided_with = digest
    return set(changed)


def _changes(connection: Connection, by: Chooser, product_gids: Collection[str]) -> Iterator[tuple[str, str]]:
    """Products whose links say something else than is decided, with what they shall say."""
    is_plain = selection.digest_of(by.selection, by.share) == "" and not by.excluded
    needs_facts = selection.needs_facts(by.selection, by.share)
    with db.cursor() as cursor:
        cursor.execute(_DECIDED, {"id": connection.pk, "products": list(product_gids) or None, "is_plain": is_plain})
        rows = cursor.fetchall()
    for gid, least, most, is_known, tags, vendor, product_type in rows:
        if needs_facts and not is_known and gid not in by.excluded:
            continue
        said = by.decide(gid, tags or (), vendor or "", product_type or "").reason[:REASON_CHARACTERS]
        if (least, most) != (said, said):
            yield gid, said


_DECIDED = """
    SELECT known.*, product.gid IS NOT NULL, product.tags, product.vendor, product.product_type
    FROM (SELECT variant.product_gid, min(link.left_out), max(link.left_out), variant.store_id
          FROM stores_variantlink link JOIN stores_variant variant ON variant.id = link.source_variant_id
          WHERE link.connection_id = %(id)s AND (NOT %(is_plain)s OR link.left_out <> '')
            AND (%(products)s::text[] IS NULL OR variant.product_gid = ANY(%(products)s::text[]))
          GROUP BY variant.product_gid, variant.store_id) known (gid, least, most, store_id)
    LEFT JOIN stores_product product ON product.store_id = known.store_id AND product.gid = known.gid
""".replace("known.*", "known.gid, known.least, known.most")
_NOTE = """
    UPDATE stores_variantlink link SET left_out = new.reason, changed_at = now()
    FROM (SELECT own.id, said.reason
          FROM unnest(%s::text[], %s::text[]) AS said (gid, reason)
          JOIN stores_variant variant ON variant.product_gid = said.gid
          JOIN stores_variantlink own ON own.source_variant_id = variant.id AND own.connection_id = %s
          ORDER BY own.id FOR UPDATE OF own) new
    WHERE link.id = new.id
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What other settings would mean: the products that would begin to take part, and those that would no longer."""

    starting: frozenset[str]
    ending: frozenset[str]


def preview(connection: Connection, wanted: Selection, share: Share) -> Change:
    """What these settings would change; only products that have a linked variant count."""
    changes = dict(_changes(connection, chooser(connection, wanted, share), ()))
    linked = VariantLink.objects.filter(connection=connection, state=VariantLink.State.LINKED)
    rows = linked.filter(source_variant__product_gid__in=list(changes)).order_by()
    found = set(rows.values_list("source_variant__product_gid", "left_out").distinct())
    starting = {gid for gid, left_out in found if left_out and not changes[gid]}
    ending = {gid for gid, left_out in found if not left_out and changes[gid]}
    return Change(frozenset(starting), frozenset(ending))


# --- Single products that an operator leaves out, whatever the settings say ---------------------------------------


def exclude(link: ProductLink, by: str) -> None:
    """Leave it out from now on; whoever calls this has it followed (syncing.connections.participation). Safe."""
    link.excluded_by = by[:150] or "a user"
    ProductLink.objects.filter(pk=link.pk).update(excluded_by=link.excluded_by)


def include_again(link: ProductLink) -> None:
    """Let it follow again, if it is shared and selected; whoever calls this does the same. Safe to repeat."""
    link.excluded_by = link.fingerprint = ""
    ProductLink.objects.filter(pk=link.pk).update(excluded_by="", fingerprint="")
