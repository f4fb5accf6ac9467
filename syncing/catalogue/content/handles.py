"""Handles of collections, pages, blogs and articles that another thing has in the destination.

What follows something here that has another handle in the source by now makes room: handles that were swapped are
swapped by way of a free one. Otherwise it is said who has it, and nothing is written.
"""

from collections.abc import Mapping
from typing import Any

from stores.models import Connection, ResourceLink
from syncing.catalogue.content.resource import Resource
from syncing.catalogue.rules.content import HANDLE

MOST_TRIES = 200  # numbered handles that are tried


class Rooms:
    """Makes room for handles in a connection's destination. `links` are those in hand, by their gids in the source."""

    def __init__(self, connection: Connection, resource: Resource) -> None:
        self.connection, self.resource = connection, resource
        self.links: Mapping[str, ResourceLink] = {}
        self._moved: list[tuple[ResourceLink, dict[str, Any]]] = []

    def vacate(self, wanted: Mapping[str, Any], gid: str, own: ResourceLink) -> str:
        """The gid of what has a handle that something new wants, or '' once it has another one."""
        link = self._link(gid)
        if link is None or link.source_gid == own.source_gid or not self._make_room(link, wanted):
            return gid
        return ""

    def why_held(self, wanted: Mapping[str, Any], own_gid: str) -> str:
        """Who has the wanted handle and keeps it, in words; '' where nobody else has it any more."""
        gid = self.resource.find(wanted)
        if not gid or gid == own_gid:
            return ""
        link = self._link(gid)
        if link is None:
            return f"The handle “{wanted[HANDLE]}” is taken in the destination"
        if self._make_room(link, wanted):
            return ""
        follows = f"what follows “{link.title}” of {link.connection.source}"
        return f"The handle “{wanted[HANDLE]}” is used in the destination by {follows}"

    def settle(self) -> None:
        """Have what made room get the handle of its source, where that is free now; else its own turn sees to it."""
        moved, self._moved = self._moved, []
        for link, wanted in moved:
            if not self.resource.find(wanted):
                self._rename(link, wanted[HANDLE])

    def _link(self, gid: str) -> ResourceLink | None:
        links = ResourceLink.objects.filter(destination_id=self.connection.destination_id, destination_gid=gid)
        link = links.filter(state=ResourceLink.State.LINKED).select_related("connection__source").first()
        if link is None or link.connection_id != self.connection.pk:
            return link
        return self.links.get(link.source_gid, link)

    def _make_room(self, link: ResourceLink, wanted: Mapping[str, Any]) -> bool:
        if link.connection_id != self.connection.pk:
            return False
        handle = self.resource.living([link.source_gid]).get(link.source_gid, "")
        if handle in ("", wanted[HANDLE]):
            return False
        own = {**wanted, HANDLE: handle}
        numbered = (f"{wanted[HANDLE]}-{number}" for number in range(1, MOST_TRIES))
        names = (handle, *numbered)
        free = next((name for name in names if not self.resource.find({**wanted, HANDLE: name})), "")
        if not free:
            return False
        self._rename(link, free)
        if free != handle:
            self._moved.append((link, own))
        return True

    def _rename(self, link: ResourceLink, handle: str) -> None:
        record = self.resource.read([link.destination_gid]).get(link.destination_gid)
        if record is None:
            return
        made = self.resource.update(record, {HANDLE: handle}, {})
        self.resource.forget()
        link.written, link.fingerprint = {**link.written, HANDLE: made.handle}, ""
        ResourceLink.objects.filter(pk=link.pk).update(written=link.written, fingerprint="")
