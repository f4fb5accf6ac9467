"""Products that are made in bulk: what is noted of each before it is sent, and what is noted once it was made.

As for a single creation: what is sent is noted at the link before, so that a product whose result is lost is found by
that, and never made twice; and what follows a creation is done by the same functions, with what was desired then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Q

from stores.models import Connection, ProductLink, SyncMode, Variant
from stores.shared.many import update_rows
from stores.shopify.instants import instant_or_none
from stores.shopify.products.bulk_writes import LineResult
from stores.variants import key_of
from syncing.catalogue.bulk import rivals
from syncing.catalogue.bulk.lines import publication_of
from syncing.catalogue.claims import check_undoubted, doubted
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.products import files, lost_creations
from syncing.catalogue.products.cases import Case, load_linked, mark_of
from syncing.catalogue.rules.fields import Difference, Policy
from syncing.catalogue.rules.parts.made import Desired
from syncing.models import BulkLine, BulkOperation, CatalogueRun

Kind, State = BulkOperation.Kind, BulkLine.State
Ending = dict[str, Any]
CHANNELS = ("publish", "unpublish", "schedule", "due_at", "hides", "is_hidden")
# Of Desired, besides its words.
REST = (*CHANNELS, "file_urls", "is_incomplete", "written", "awaits", "awaits_images", "to_come")
TUPLES = ("file_urls", "publish", "unpublish", "awaits")
DECIDED = "Something was decided about it after it was compared."
IS_THERE = "The destination may have it by now."
NO_LONGER = "This connection creates no products any more."


def ending_of(case: Case, desired: Desired) -> Ending:
    """What a line remembers of a product that is to be made, for a JSON column."""
    record = case.record
    rest = {name: getattr(desired, name) for name in REST}
    rest["notes"] = [*(conflict.reason for conflict in desired.conflicts), *desired.notes]
    rest["differences"] = [asdict(difference) for difference in desired.differences]
    return {
        "desired": rest,
        "memory": lost_creations.memory_of(record, desired),
        "mark": case.mark,
        "title": record.title[:512],
        "handle": record.handle[:255],
        "source_updated_at": record.updated_at.isoformat() if record.updated_at else "",
        "link_changed_at": case.link.changed_at.isoformat(),
        rivals.KEYS: rivals.keys_of(record, desired.product["handle"]),
    }


def _desired_of(ending: Ending) -> Desired:
    rest = dict(ending["desired"])
    rest |= {name: tuple(rest[name]) for name in TUPLES}
    rest["differences"] = [Difference(**row) for row in rest["differences"]]
    return Desired(is_new=True, **rest)


# --- Before it is sent --------------------------------------------------------------------------------------------


def leave_out(run: CatalogueRun, lines: Sequence[BulkLine]) -> dict[str, str]:
    """Those of these lines that are not to be sent as they are: source gid -> why. Compared again, and made singly.

    As a single creation looks right before it: what the destination has by now is not made once more.
    """
    connection, gids = run.connection, [line.source_gid for line in lines]
    if connection.catalogue.product_mode in (SyncMode.OFF, SyncMode.UPDATE_ONLY):
        return dict.fromkeys(gids, NO_LONGER)
    links = {link.source_gid: link for link in _links(connection, lines)}
    why = {line.source_gid: DECIDED for line in lines if not _is_as_it_was(links.get(line.source_gid), line)}
    _, partners = load_linked(connection, gids)
    handles = {line.source_gid: key_of(line.variables["input"]["handle"]) for line in lines}
    there = Variant.objects.filter(store=connection.destination_id, gone_at=None, handle_key__in=set(handles.values()))
    taken = set(there.order_by().values_list("handle_key", flat=True))
    doubtful = doubted(connection, gids)
    for gid in gids:
        if partners.get(gid) or handles[gid] in taken or (gid in doubtful and _is_doubted(connection, gid)):
            why.setdefault(gid, IS_THERE)
    return why


def _links(connection: Connection, lines: Sequence[BulkLine]) -> list[ProductLink]:
    """Locked: nothing is decided about them until the transaction ends."""
    rows = ProductLink.objects.filter(connection=connection, source_gid__in=[line.source_gid for line in lines])
    return list(rows.select_for_update(of=("self",)).order_by("pk"))


def _is_as_it_was(link: ProductLink | None, line: BulkLine) -> bool:
    if link is None or link.excluded_by or link.destination_gid:
        return False
    return link.changed_at == datetime.fromisoformat(line.ending["link_changed_at"])


def _is_doubted(connection: Connection, product_gid: str) -> bool:
    try:
        check_undoubted(connection, product_gid)
    except Blocked:
        return True
    return False


# What a link begins as.
NEW: dict[str, Any] = {"state": ProductLink.State.UNMATCHED, "is_created": False, "written": {}}
NAMES = ("title", "handle", "source_updated_at")
FIELDS = (*NAMES, "state", "destination_gid", "reason", "fingerprint", "is_created", "written", "synced_at")


def note_sent(run: CatalogueRun, lines: Sequence[BulkLine]) -> None:
    """Note at the links what is about to be sent, and in the lines what these said before, where that was anything."""
    links = {link.source_gid: link for link in _links(run.connection, lines)}
    for line in lines:
        link, ending = links[line.source_gid], line.ending
        before = {"state": link.state, "is_created": link.is_created, "written": link.written}
        if before != NEW:
            ending["before"] = before
            BulkLine.objects.filter(pk=line.pk).update(ending=ending)
        link.title, link.handle = ending["title"], ending["handle"]
        link.source_updated_at = instant_or_none(ending["source_updated_at"])
        lost_creations.begin(link, ending["memory"])
    update_rows(list(links.values()), FIELDS)  # changed_at stays: nobody decided anything


def restore_links(run: CatalogueRun, lines: Sequence[BulkLine]) -> None:
    """Nothing was made of these: their links say what they said before."""
    rows = ProductLink.objects.filter(
        connection=run.connection_id, state=ProductLink.State.CREATING, destination_gid=""
    )
    rows.filter(source_gid__in=[line.source_gid for line in lines if "before" not in line.ending]).update(**NEW)
    for line in lines:
        if before := line.ending.get("before"):
            rows.filter(source_gid=line.source_gid).update(**before)


# --- What came of it ----------------------------------------------------------------------------------------------


def pairs(operation: BulkOperation, listed: Sequence[LineResult]) -> list[tuple[BulkLine, LineResult]]:
    """Each open line with its result, as far as that is certain. Locks the lines."""
    numbers = {result.number - base for result in listed for base in (0, 1)}
    rows = operation.lines.filter(number__in=numbers).select_related("operation").select_for_update(of=("self",))
    found = pair(list(rows.order_by("pk")), listed)
    return [(line, result) for line, result in found if line.state == State.OPEN]


def pair(lines: Sequence[BulkLine], listed: Sequence[LineResult]) -> list[tuple[BulkLine, LineResult]]:
    """Each line with its result: what was made is known by its handle, and so is whether Shopify counts from 0 or 1.

    Where no handle tells, a line is only taken for refused if it is, whichever it counts from (shopify.md 5).
    """
    handles = Counter(map(handle_of, lines))
    by_handle = {handle_of(line): line for line in lines if handles[handle_of(line)] == 1}
    shown = {result.handle: result for result in listed if result.handle in by_handle}
    by_number = {result.number: result for result in listed}
    bases = {result.number - (by_handle[handle].number or 0) for handle, result in shown.items()} & {0, 1}
    bases = bases or ({0} if 0 in by_number else {0, 1})
    found = []
    for line in lines:
        results = [by_number.get((line.number or 0) + base) for base in sorted(bases)]
        own = shown.get(handle_of(line))
        if own is not None:
            if own in results:
                found.append((line, own))
        elif (first := results[0]) is not None and (
            (len(results) == 1 and first.handle not in by_handle)
            or all(one and one.is_surely_refused for one in results)
        ):
            found.append((line, first))
    return found


def handle_of(line: BulkLine) -> str:
    """The handle under which a line has a product made."""
    handle: str = line.variables["input"]["handle"]
    return handle


def note_made(run: CatalogueRun, lines: Sequence[BulkLine], links: Mapping[str, ProductLink]) -> None:
    """Note at the links of these, by their source gids, what was made, as far as they name nothing by now."""
    said = {"state": ProductLink.State.CREATING, "is_created": True, "synced_at": None}
    made = [
        ProductLink(pk=links[line.source_gid].pk, destination_gid=line.destination_gid, **said)
        for line in lines
        if line.state == State.DONE
    ]
    update_rows(made, ("destination_gid", *said), only={"destination_gid": ""})


def remember(
    line: BulkLine, result: LineResult, links: dict[str, ProductLink], run: CatalogueRun
) -> ProductLink | None:
    """What became of one line, for `note_made`; its link where somebody else has to go on with it."""
    if result.refusal or not result.product_gid:
        line.state = State.REFUSED if result.refusal else State.UNKNOWN
        line.reason = result.refusal or "Its result names no product."
        if result.is_surely_refused:
            restore_links(run, [line])
        return None
    line.state, line.destination_gid = State.DONE, result.product_gid
    link = links.get(line.source_gid)
    if link is None:
        link = links[line.source_gid] = ProductLink(
            connection=run.connection, source_gid=line.source_gid, title=line.ending["title"]
        )
        link.save()
    is_as_it_was = link.state == ProductLink.State.CREATING and run.is_under_way
    if not files.remember_files(run.connection.destination, line.ending["desired"]["file_urls"], result.media):
        BulkLine.objects.filter(pk=line.pk).update(ending=line.ending | {"mark": ""})  # it is read, and compared
    return None if is_as_it_was else link


def publication_lines(lines: Sequence[BulkLine]) -> list[BulkLine]:
    """What puts these, that were just made, on their channels, in bulk."""
    found = []
    for line in lines:
        if line.state == State.DONE and (sent := publication_of(line.destination_gid, _desired_of(line.ending))):
            gids = {"source_gid": line.source_gid, "destination_gid": line.destination_gid}
            found.append(BulkLine(kind=Kind.PUBLISH, variables=sent, **gids))
    return found


# --- The rest of it -----------------------------------------------------------------------------------------------


def made(connection: Connection, cases: Sequence[Case], policy: Policy) -> dict[str, tuple[str, Desired]]:
    """What lines have made of these, as InBulk.made; not of what would be made otherwise by now: that is compared."""
    unfinished = {
        case.record.gid: case
        for case in cases
        if lost_creations.is_unfinished(case.link) and case.partners <= {case.link.destination_gid}
    }
    if not unfinished:
        return {}
    lines = BulkLine.objects.filter(connection=connection, source_gid__in=list(unfinished), state=State.DONE)
    found: dict[str, tuple[str, Desired]] = {}
    published = set()
    for line in lines.filter(Q(kind=Kind.CREATE) | Q(kind=Kind.PUBLISH)).order_by("pk"):
        case = unfinished[line.source_gid]
        if line.destination_gid != case.link.destination_gid:
            continue
        if line.kind == Kind.PUBLISH:
            published.add(line.source_gid)
        elif line.ending["mark"] == mark_of(connection, case.record, policy, {}):
            found[line.source_gid] = line.destination_gid, _desired_of(line.ending)
    for gid in published & found.keys():
        found[gid][1].publish = ()
    return found
