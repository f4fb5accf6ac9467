"""A source whose products follow into a destination, what people do to them, and what there is afterwards."""

from copy import copy
from typing import Any

from stores.clients import open_client
from stores.models import CatalogueSettings, Connection, ProductLink, Store
from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.products import product_heads, product_records, product_writes, publications
from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.products import single
from syncing.catalogue.runs import lifecycle, worker
from syncing.connections.product_matching import match_product
from syncing.models import CatalogueRun, CatalogueRunItem
from syncing.queue import enqueue
from tests.simulator.events import merchant
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.simulator.mutations import publications as listing
from tests.simulator.state.shop import Product
from tests.support.minutes import sweep_minute
from tests.support.places import Place
from tests.support.world import World

PRODUCT_TOPICS = ("PRODUCTS_CREATE", "PRODUCTS_UPDATE", "PRODUCTS_DELETE")
PRODUCT_WRITES = (
    "productSet",
    "productVariantsBulkUpdate",
    "productDelete",
    "metafieldsSet",
    "metafieldsDelete",
    "publishablePublish",
    "publishableUnpublish",
)


def _match_there(store: Store, product_gid: str, *, is_deleted: bool = False) -> None:
    """What was matched of the source so far is all that is known of it."""
    if not store.is_source:
        match_product(store, product_gid, is_deleted=is_deleted)


class Showroom:
    """A world whose first two places are a connection's source and destination. Products go by their handles."""

    def __init__(self, world: World, number: int = 0) -> None:
        self.world, self.number = world, number
        self.source, self.destination = world.places[0], world.places[number + 1]
        self.sim = world.sim
        for place in world.places:
            for topic in PRODUCT_TOPICS:
                self.sim.subscribe(place.domain, topic, world.address)

    def second_source(self, **fields: Any) -> "Showroom":
        """Another source of the same destination, matched as the first one is, whose products follow, too."""
        place = self.world.add_store("second", "source", items=0)
        own = self.world.connect(place, self.destination, "one_way", identifier=self.connection.identifier)
        settings = {"product_mode": "create_update", "publication_gids": self.channels()} | fields
        CatalogueSettings.objects.create(connection=own, **settings).start()
        room = copy(self)
        room.source, room.number = place, len(self.world.connections) - 1
        for topic in PRODUCT_TOPICS:
            self.sim.subscribe(place.domain, topic, self.world.address)
        return room

    @property
    def connection(self) -> Connection:
        """As a job would load it."""
        rows = Connection.objects.select_related("source", "destination", "catalogue")
        return rows.get(pk=self.world.connections[self.number].pk)

    def set(self, **fields: Any) -> None:
        own = self.world.connections[self.number]
        if chosen := {name: fields.pop(name) for name in list(fields) if "selected_" in name}:
            Connection.objects.filter(pk=own.pk).update(**chosen)
        CatalogueSettings.objects.filter(connection=own).update(**fields)

    def client(self, place: Place) -> Client:
        return open_client(place.store)

    # The product at work

    def carry(self, gid: str) -> Outcome | None:
        """As the job of a webhook does, whose product was matched before."""
        return single.sync_product(self.connection, open_client, gid, _match_there).outcome

    def run(self, kind: str = "all", **fields: Any) -> CatalogueRun:
        """A run from its start to where it needs nobody."""
        run = lifecycle.start(self.connection, kind, **fields)
        return self.go_on(run)

    def go_on(self, run: CatalogueRun) -> CatalogueRun:
        run = CatalogueRun.objects.select_related("connection__source", "connection__destination").get(pk=run.pk)
        worker.carry_out(run, open_client, match_product)
        return CatalogueRun.objects.get(pk=run.pk)

    def sweep(self) -> None:
        sweep_minute()
        self.world.work()

    def stock(self) -> None:
        enqueue.carry_stock(self.connection)
        self.world.work()

    def link(self, source_gid: str) -> ProductLink:
        return ProductLink.objects.get(connection=self.world.connections[self.number], source_gid=source_gid)

    @property
    def writes(self) -> int:
        return self.destination.count(*PRODUCT_WRITES)

    @property
    def requests(self) -> int:
        return self.source.shop.counters.requests + self.destination.shop.counters.requests

    # Shopify's side

    def add(self, title: str, place: Place | None = None, **fields: Any) -> str:
        """A product of the source (or another place) by ProductSetInput; with `stock`, each variant's units."""
        place = place or self.source
        units, is_on_sale = fields.pop("stock", None), fields.pop("is_on_sale", place is self.source)
        fields.setdefault("productOptions", [{"name": "Title", "values": [{"name": "Default Title"}]}])
        default = [{"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00"}]
        fields.setdefault("variants", default)
        for row in fields["variants"] if units is not None else ():
            row["inventoryItem"] = {"tracked": True}
            location = gids.gid("Location", place.location_ids[0])
            row["inventoryQuantities"] = [{"locationId": location, "name": "available", "quantity": units}]
        gid = product_writes.set_product(self.client(place), None, {"title": title} | fields).gid
        if is_on_sale:
            with place.shop.lock:  # without a word to anybody
                place.shop.products[gids.number(gid)].published_at = self.sim.clock.whole_seconds()
        return gid

    def sizes(self, title: str, *sizes: str, **fields: Any) -> str:
        """A product with an option Size."""
        fields["productOptions"] = [{"name": "Size", "values": [{"name": size} for size in sizes]}]
        fields["variants"] = [
            {"optionValues": [{"optionName": "Size", "name": size}], "price": "10.00", "sku": f"{title}-{size}"}
            for size in sizes
        ]
        return self.add(title, **fields)

    def change(self, gid: str, place: Place | None = None, **fields: Any) -> None:
        """Set fields of ProductSetInput."""
        product_writes.set_product(self.client(place or self.source), {"id": gid}, fields)

    def reprice(self, gid: str, price: str, place: Place | None = None) -> None:
        place = place or self.source
        variants = product_records.read_whole_product(self.client(place), gid).variants
        rows = [{"id": variant.gid, "price": price} for variant in variants]
        product_writes.update_variants(self.client(place), gid, rows)

    def put_on_sale(self, gid: str, channel: str = "Online Store", at: int | None = None) -> None:
        """Put a product of the source on a channel, now or from an instant on."""
        catalogue_hands.publish(self.source.shop, self.sim.clock, self._in_source(gid), channel, at=at)

    def take_off_sale(self, gid: str, channel: str = "Online Store") -> None:
        catalogue_hands.unpublish(self.source.shop, self.sim.clock, self._in_source(gid), channel)

    def take_off_sale_there(self, gid: str, channel: str = "Online Store") -> None:
        """The same of a product of the destination, and nobody is told."""
        shop = self.destination.shop
        with shop.lock:
            product = shop.products[gids.number(gid)]
            listing.take_off(shop, catalogue_hands.publication_named(shop, channel), product)

    def _in_source(self, gid: str) -> Product:
        return self.source.shop.products[gids.number(gid)]

    def delete(self, gid: str, place: Place | None = None) -> None:
        merchant.delete_product((place or self.source).shop, self.sim.clock, gids.number(gid))

    def publish(self, handle: str) -> None:
        """Staff of the destination put a product on all channels."""
        publications.publish(self.client(self.destination), self.there(handle).gid, self.channels())

    def add_image(self, gid: str, name: str, alt: str = "") -> None:
        catalogue_hands.add_image(self.source.shop, self.sim.clock, gids.number(gid), name, alt=alt)

    def there(self, handle: str) -> ProductRecord | None:
        """A product of the destination, whole."""
        client = self.client(self.destination)
        gid = product_heads.find_by_handle(client, handle)
        return product_records.read_whole_product(client, gid) if gid else None

    def handles(self) -> list[str]:
        """Of all products of the destination."""
        return sorted(head.handle for head in product_heads.iter_product_heads(self.client(self.destination)))

    def units(self, handle: str) -> list[int]:
        """What each variant of a product of the destination has at the first location."""
        product = self.there(handle)
        numbers = [gids.number(variant.item_gid) for variant in product.variants]
        place = self.destination
        return [self.sim.available(place.domain, number, place.location_ids[0]) for number in numbers]

    def channels(self) -> list[str]:
        """The destination's channels."""
        return [channel.gid for channel in publications.list_publications(self.client(self.destination))]


def items_of(run: CatalogueRun) -> dict[str, tuple[str, str]]:
    """Title -> (action, outcome)."""
    rows = CatalogueRunItem.objects.filter(run=run).values_list("title", "action", "outcome")
    return {title: (action, outcome) for title, action, outcome in rows}
