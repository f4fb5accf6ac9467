"""Metaobjects that something refers to follow the source: found by type and handle, or made, and kept in step.

Whatever refers to one wants it (`syncing.catalogue.referring.want`); what it refers to itself is wanted in turn, and
carried before it, so that circles are closed only afterwards.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from stores.clients import OpenClient
from stores.models import Connection, ResourceLink
from stores.shopify.content import metaobjects as wire
from stores.shopify.content.content import WrittenContent
from stores.shopify.content.metaobjects import DRAFT, FIELD, MetaobjectRecord
from stores.shopify.errors import UserErrors
from syncing.catalogue import deleting, referring
from syncing.catalogue.content.follower import Follower
from syncing.catalogue.content.metaobject_fields import MetaobjectFields
from syncing.catalogue.content.resource import Made
from syncing.catalogue.content.unlinking import DELETED, unlink
from syncing.catalogue.metaobject_types import Types
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.rules import metafields
from syncing.catalogue.rules.content import HANDLE, VISIBLE
from syncing.catalogue.rules.references import references_of

METAOBJECT = ResourceLink.Kind.METAOBJECT
TYPE = "type"
BATCH_ROWS = 50
ROUNDS = 3  # of closing circles: each may free what the next one needs
State = ResourceLink.State


class MetaobjectResource:
    """The metaobjects of a connection, for a Follower. Nothing is asked before it is needed."""

    is_composite = False
    always_ours: frozenset[str] = frozenset()
    kind = METAOBJECT

    def __init__(self, connection: Connection, open_client: OpenClient) -> None:
        self.connection, self.mode = connection, connection.catalogue.metaobject_mode
        self.source, self.client = open_client(connection.source), open_client(connection.destination)
        self.types = Types(connection, self.source, self.client)
        self.metafields = MetaobjectFields(connection, self.types)
        self._found: dict[tuple[str, str], str] = {}

    def read_source(self, source_gids: Sequence[str]) -> list[MetaobjectRecord]:
        """Those that the source has, remembered for what is asked about them afterwards."""
        found = wire.read_metaobjects(self.source, source_gids)
        self.metafields.known |= found
        return [found[gid] for gid in source_gids if gid in found]

    def wanted(self, record: MetaobjectRecord) -> dict[str, Any]:
        """See Resource."""
        there = self.types.there(record.type)
        values: dict[str, Any] = {TYPE: record.type, HANDLE: record.handle}
        return values | ({VISIBLE: record.status} if record.status and there and there.is_publishable else {})

    def find(self, wanted: Mapping[str, Any]) -> str:
        """See Resource. A handle counts in its type only."""
        key = (wanted[TYPE], wanted[HANDLE])
        if key not in self._found:
            self._found[key] = wire.find_by_handle(self.client, *key)
        return self._found[key]

    def forget(self) -> None:
        """See Resource."""
        self._found.clear()

    def read(self, content_gids: Sequence[str]) -> Mapping[str, MetaobjectRecord]:
        """See Resource."""
        return wire.read_metaobjects(self.client, content_gids)

    def living(self, source_gids: Sequence[str]) -> dict[str, str]:
        """See Resource."""
        return {gid: head.handle for gid, head in wire.read_heads(self.source, source_gids).items()}

    def same_place(self, record: MetaobjectRecord, links: Sequence[ResourceLink]) -> Sequence[ResourceLink]:
        """See Resource. A handle counts in its type only."""
        return [link for link in links if link.written.get(TYPE) == record.type]

    def shown_on(self, gid: str) -> Sequence[str]:
        """See Resource. These have no channels."""
        return ()

    def show_again(self, gid: str, channels: Sequence[str]) -> None:
        """See Resource."""

    def current(self, record: MetaobjectRecord, wanted: Mapping[str, Any], image_url: str) -> dict[str, Any]:
        """See Resource."""
        values: dict[str, Any] = {TYPE: record.type, HANDLE: record.handle, VISIBLE: record.status}
        return values | {metafields.key_of(row): metafields.value_of(row) for row in record.fields}

    def create(self, wanted: Mapping[str, Any]) -> Made:
        """See Resource."""
        self.forget()
        return _send(lambda given: wire.create_metaobject(self.client, {TYPE: wanted[TYPE]} | given), wanted)

    def update(self, record: MetaobjectRecord, changes: Mapping[str, Any], current: Mapping[str, Any]) -> Made:
        """See Resource."""
        return _send(lambda given: wire.update_metaobject(self.client, record.gid, given), changes)

    def unpublish(self, gid: str) -> str:
        """See Resource."""
        record = self.read([gid]).get(gid)
        if record is None:
            return "It was gone already."
        if not record.status:
            return "Its type cannot be hidden: it was left as it is."
        wire.update_metaobject(self.client, gid, _input({VISIBLE: DRAFT}))
        return "It was hidden."

    def delete(self, gid: str) -> str:
        """See Resource."""
        return deleting.WAS_DELETED if wire.delete_metaobject(self.client, gid) else deleting.WAS_GONE

    def policies(self) -> dict[str, str]:
        """See Resource."""
        return {}

    def notes(self, wanted: Mapping[str, Any]) -> list[str]:
        """See Resource."""
        return []

    def show(self, name: str, wanted: Any, current: Any) -> tuple[Any, Any] | None:
        """See Resource."""
        return None


def _input(values: Mapping[str, Any]) -> dict[str, Any]:
    """MetaobjectCreateInput without its type, or MetaobjectUpdateInput; a field that is None is emptied."""
    fields = [
        {"key": name.removeprefix(f"{FIELD}."), "value": value[1] if value else ""}
        for name, value in values.items()
        if metafields.namespace_of(name) == FIELD
    ]
    given: dict[str, Any] = {"handle": values[HANDLE]} if HANDLE in values else {}
    given |= {"fields": fields} if fields else {}
    if VISIBLE in values:
        given["capabilities"] = {"publishable": {"status": values[VISIBLE]}}
    return given


def _send(write: Callable[[dict[str, Any]], WrittenContent], values: Mapping[str, Any]) -> Made:
    """Write all but those fields that Shopify refuses, which are named."""
    rest, refused = dict(values), dict[str, str]()
    while True:
        try:
            made = write(_input(rest))
        except UserErrors as error:
            named = [name for name in rest if metafields.namespace_of(name) == FIELD]
            bad = {named[place]: said for place, said in _places(error, len(named)).items()}
            if not bad:
                raise
            refused |= {name: f"Shopify: {said}" for name, said in bad.items()}
            rest = {name: value for name, value in rest.items() if name not in bad}
        else:
            notes = (metafields.left_out_words(refused, "field"),) if refused else ()
            return Made(made.gid, made.handle, notes=notes, left_out=tuple(refused))


def _places(error: UserErrors, count: int) -> dict[int, str]:
    """The fields that a refusal names by their place, each with what is wrong with it."""
    found: dict[int, str] = {}
    for row in error.errors:
        path = [str(part) for part in row.field]
        after = path[path.index("fields") + 1 :][:1] if "fields" in path else []
        if after and after[0].isascii() and after[0].isdigit() and int(after[0]) < count:
            found.setdefault(int(after[0]), row.message)
    return found


# --- Looking at them ------------------------------------------------------------------------------------------------


def poll(connection: Connection, open_client: OpenClient) -> Iterator[Outcome]:
    """Carry those that are wanted, that changed in the source, that failed, or whose references have partners now.

    Raises ShopifyError. Safe to repeat, and after an end at any point.
    """
    yield from _noting(connection, _poll(connection, MetaobjectResource(connection, open_client)))


def _poll(connection: Connection, resource: MetaobjectResource) -> Iterator[Outcome]:
    referring.want_awaited(connection)
    links = {link.source_gid: link for link in _links(connection).exclude(state=State.UNLINKED)}
    if not links:
        return
    heads = wire.read_heads(resource.source, list(links))
    gone = [link for gid, link in links.items() if gid not in heads and not link.destination_gid]
    yield from unlink(connection, resource, [(link, DELETED) for link in gone])  # only wanted, never there
    settled = (State.LINKED, State.UNMATCHED)
    due = [
        gid
        for gid, link in links.items()
        if gid in heads and (link.state not in settled or link.source_updated_at != heads[gid].updated_at)
    ]
    yield from _carry(connection, resource, due, skips_unchanged=True)
    for _ in range(ROUNDS):
        if waiting := [gid for gid in referring.ready_of(connection, METAOBJECT) if gid in heads or gid not in links]:
            yield from _carry(connection, resource, waiting, skips_unchanged=True)


def compare(
    connection: Connection, open_client: OpenClient, seen: set[str], *, is_preview: bool = False
) -> Iterator[Outcome]:
    """Compare all of them with the destination and carry what differs, also what was edited there.

    `seen` gets the gids of those that the source still has: use it only when the iteration ended by itself. Raises
    ShopifyError. Safe to repeat. A preview does not tell of what nobody has looked at yet.
    """
    resource = MetaobjectResource(connection, open_client)
    if not is_preview:
        referring.want_awaited(connection)
    links = [link.source_gid for link in _links(connection)]
    seen.update(resource.living(links))
    living = [gid for gid in links if gid in seen]
    if not is_preview:
        yield from _noting(connection, _carry(connection, resource, living, seen=seen))
        return
    resource.types.makes_missing = False
    yield from Follower(connection, resource, is_preview=True).follow(resource.read_source(living))


def _noting(connection: Connection, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same, after which what refers to those that are newly refused gets to say so."""
    before = dict(_links(connection).exclude(reason="").values_list("source_gid", "reason"))
    yield from outcomes
    refused = _links(connection).exclude(state=State.LINKED).values_list("source_gid", "reason")
    referring.note_refused(connection, [gid for gid, reason in refused if before.get(gid, "") != reason])


def _links(connection: Connection) -> QuerySet[ResourceLink]:
    return connection.resource_links.filter(kind=METAOBJECT).order_by("pk")


def _carry(
    connection: Connection,
    resource: MetaobjectResource,
    source_gids: Sequence[str],
    *,
    skips_unchanged: bool = False,
    seen: set[str] | None = None,
) -> Iterator[Outcome]:
    """Carry these, and before them those that they refer to and that nobody wanted before."""
    levels, known = [[*source_gids]], set(source_gids)
    while levels[-1] and len(levels) <= referring.MOST_STEPS:
        records = resource.read_source(levels[-1])
        named = {record.gid: references_of(record.fields, [FIELD]) for record in records}
        depths = dict(_links(connection).filter(source_gid__in=named).values_list("source_gid", "depth"))
        made = {gid for gid in named if referring.want_metaobjects(connection, named[gid], depths.get(gid, 0) + 1)}
        wanted = _links(connection).filter(
            referring.IS_UNSEEN, source_gid__in=[each for gid in made for each in named[gid]]
        )
        levels.append([gid for gid in wanted.values_list("source_gid", flat=True) if gid not in known])
        known |= {*levels[-1]}
    follower = Follower(connection, resource, skips_unchanged=skips_unchanged)
    for level in reversed(levels):
        records = [resource.metafields.known[gid] for gid in level if gid in resource.metafields.known]
        for place in range(0, len(records), BATCH_ROWS):
            yield from follower.follow(records[place : place + BATCH_ROWS])
    if seen is not None:
        seen.update(known | follower.replaced)
