"""What people do to collections and content of the source and the destination, and what there is afterwards."""

from typing import Any

from stores.clients import open_client
from stores.models import CatalogueSettings, Connection, ResourceLink
from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.content import collection_writes, collections, content
from stores.shopify.content.collections import CollectionRecord
from stores.shopify.content.content import ContentRecord
from stores.shopify.products import deletion, publications
from syncing.catalogue.content import comparison
from syncing.models import CatalogueRun
from tests.support.places import Place
from tests.support.world import World

COLLECTION_WRITES = (
    "collectionCreate",
    "collectionUpdate",
    "collectionDelete",
    "collectionReorderProducts",
    "publishablePublish",
    "publishableUnpublish",
)
CONTENT_WRITES = tuple(f"{kind}{verb}" for kind in content.GID_TYPES for verb in ("Create", "Update", "Delete"))


class Scene:
    """A world whose first two places are a connection's source and destination."""

    def __init__(self, world: World, number: int = 0) -> None:
        self.world = world
        self.number = number
        self.source, self.destination = world.places[0], world.places[number + 1]

    @property
    def connection(self) -> Connection:
        """As a job would load it."""
        rows = Connection.objects.select_related("source", "destination", "catalogue")
        return rows.get(pk=self.world.connections[self.number].pk)

    def set(self, **fields: Any) -> None:
        CatalogueSettings.objects.filter(connection=self.world.connections[self.number]).update(**fields)

    # The product at work

    def poll(self, *kinds: str) -> str | None:
        return comparison.poll_content(self.connection, open_client, kinds or None)

    def compare(self) -> str | None:
        return comparison.compare_content(self.connection, open_client)

    def carry(self, collection_gid: str) -> str | None:
        return comparison.sync_collection(self.connection, open_client, collection_gid)

    def run(self, **fields: Any) -> CatalogueRun:
        run = CatalogueRun.objects.create(connection=self.connection, kind=CatalogueRun.Kind.CONTENT, **fields)
        comparison.carry_out(run, open_client)
        run.refresh_from_db()
        return run

    def link(self, source_gid: str) -> ResourceLink:
        return ResourceLink.objects.get(connection=self.connection, source_gid=source_gid)

    @property
    def writes(self) -> int:
        return self.destination.count(*COLLECTION_WRITES, *CONTENT_WRITES)

    # Shopify's side

    def product(self, number: int, place: Place | None = None) -> str:
        return gids.gid("Product", (place or self.source).variants[number].product_id)

    def client(self, place: Place) -> Client:
        return open_client(place.store)

    def add_collection(self, title: str, *numbers: int, place: Place | None = None, **fields: Any) -> str:
        """A collection of the source (or another place) with these of its products, picked by hand."""
        place = place or self.source
        picked = [{"productId": self.product(number, place)} for number in numbers]
        source = {"source": {"title": title, "inclusion": {"selections": picked}}}
        values = {"title": title, "sources": [source]} | fields
        return collection_writes.create_collection(self.client(place), values).gid

    def add_automated(self, title: str, *conditions: dict[str, Any], **fields: Any) -> str:
        """A collection of the source with what fits all of these conditions."""
        inclusion = {"matchType": "ALL", "conditions": list(conditions)}
        sources = [{"source": {"title": title, "inclusion": inclusion} | fields.pop("source", {})}]
        values = {"title": title, "sources": sources} | fields
        return collection_writes.create_collection(self.client(self.source), values).gid

    def change_collection(self, gid: str, place: Place | None = None, **fields: Any) -> None:
        collection_writes.update_collection(self.client(place or self.source), gid, fields)

    def delete_collection(self, gid: str, place: Place | None = None) -> None:
        deletion.delete(self.client(place or self.source), gid)

    def pick(self, gid: str, add: tuple[int, ...] = (), remove: tuple[int, ...] = ()) -> None:
        """Change by hand which products are in a collection of the source."""
        source = collections.read_collection(self.client(self.source), gid).sources[0]
        inclusion = {
            "selectionsToAdd": [{"productId": self.product(number)} for number in add],
            "selectionsToRemove": [{"productId": self.product(number)} for number in remove],
        }
        self.change_collection(gid, sourcesToUpdate=[{"condition": {"id": source.gid, "inclusion": inclusion}}])

    def channel(self) -> str:
        """One of the destination's sales channels."""
        return publications.list_publications(self.client(self.destination))[0].gid

    def publish_in_source(self, gid: str) -> None:
        client = self.client(self.source)
        publications.publish(client, gid, [publications.list_publications(client)[0].gid])

    def collection(self, handle: str) -> CollectionRecord | None:
        """A collection of the destination."""
        client = self.client(self.destination)
        gid = collections.find_by_handle(client, handle)
        return gid and collections.read_collection(client, gid)

    def members(self, handle: str) -> list[int]:
        """The products of a collection of the destination, in its order; -1 for one that is nobody's partner."""
        client = self.client(self.destination)
        numbers = {self.product(number, self.destination): number for number in range(len(self.destination.variants))}
        gid = collections.find_by_handle(client, handle)
        return [numbers.get(product, -1) for product in collections.read_members(client, gid)]

    def add(self, kind: str, title: str, place: Place | None = None, **fields: Any) -> str:
        """A page, blog or article of the source (or another place)."""
        if kind == content.ARTICLE:
            fields.setdefault("author", {"name": "Ann"})
        return content.create_content(self.client(place or self.source), kind, {"title": title} | fields).gid

    def change(self, kind: str, gid: str, place: Place | None = None, **fields: Any) -> None:
        content.update_content(self.client(place or self.source), kind, gid, fields)

    def remove(self, kind: str, gid: str, place: Place | None = None) -> None:
        content.delete_content(self.client(place or self.source), kind, gid)

    def there(self, kind: str) -> dict[str, ContentRecord]:
        """What the destination has of a kind, by handle."""
        return {record.handle: record for record in content.iter_content(self.client(self.destination), kind)}
