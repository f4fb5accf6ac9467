"""Who takes part: sharing and selection decide about stock, orders and catalogue alike, and at once."""

import itertools

import pytest
from django.db.models import Q

from orders import reserved_units
from orders.models import OrderImportLine
from stores import selecting
from stores.clients import open_client
from stores.linking import linking
from stores.models import CatalogueSettings, Connection, ProductLink, Store, VariantLink
from stores.shopify import gids
from stores.shopify.products import product_writes
from syncing.models import StockAdjustment, StockLink
from syncing.monitoring import data_problems
from syncing.stock import ends
from tests.simulator.events.catalogue import hands

TOPICS = ("PRODUCTS_CREATE", "PRODUCTS_UPDATE", "COLLECTIONS_UPDATE", "COLLECTIONS_DELETE")


class Cast:
    """A source whose item 0 is what a selection asks for, and a destination; webhooks of products are heard."""

    def __init__(self, world):
        self.world, self.sim = world, world.sim
        self.source, self.there = world.places
        for topic in TOPICS:
            self.sim.subscribe(self.source.domain, topic, world.address)
        self.collection = ""

    def gid(self, number):
        return gids.gid("Product", self.source.variants[number].product_id)

    def be(self, number, **fields):
        product_writes.set_product(open_client(self.source.store), {"id": self.gid(number)}, fields)

    def collect(self, *numbers):
        ids = [self.source.variants[number].product_id for number in numbers]
        made = hands.add_collection(self.source.shop, self.sim.clock, "Chosen", products=ids)
        self.collection = gids.gid("Collection", made.id)
        return self.collection

    def put_into_collection(self, number):
        shop, pk = self.source.shop, gids.number(self.collection)
        with shop.lock:
            shop.catalog.collections[pk].sources[0].selected.append(self.source.variants[number].product_id)
            shop.publish([("COLLECTIONS_UPDATE", (pk,))])

    def select(self, **fields):
        """As the command line or another process does it: the rows alone."""
        Connection.objects.filter(pk=self.connection.pk).update(**fields)

    def share(self, **fields):
        Store.objects.filter(pk=self.source.store.pk).update(**fields)

    @property
    def connection(self):
        return Connection.objects.select_related("source", "destination").get(pk=self.world.connections[0].pk)

    def sell(self, quantity=1):
        """One of each item is sold in the source."""
        for number in range(3):
            self.source.buy(number, quantity)

    def held(self):
        return [self.there.available(number) for number in range(3)]


@pytest.fixture
def cast(pair):
    def build(strategy="one_way", **fields):
        return Cast(pair(strategy, **fields))

    return build


def wish(cast, kind):
    """Have item 0 alone be what is asked for, in this way."""
    if kind == "share_tags":
        cast.be(0, tags=["B2B"])
        cast.share(share_tags=["b2b"])
    elif kind == "share_collection_gids":
        cast.share(share_collection_gids=[cast.collect(0)])
    elif kind == "selected_tags":
        cast.be(0, tags=["x", "Keep"])
        cast.select(selected_tags=["keep"])
    elif kind == "unselected_tags":
        cast.be(1, tags=["no"])
        cast.be(2, tags=["NO"])
        cast.select(unselected_tags=["no"])
    elif kind == "selected_collection_gids":
        cast.select(selected_collection_gids=[cast.collect(0)])
    elif kind == "selected_vendors":
        cast.be(0, vendor="Acme")
        cast.select(selected_vendors=["ACME "])
    elif kind == "selected_product_types":
        cast.be(0, productType="Lamp")
        cast.select(selected_product_types=["lamp"])
    else:
        cast.select(selected_product_gids=[cast.gid(0)])


KINDS = (
    "share_tags",
    "share_collection_gids",
    "selected_tags",
    "unselected_tags",
    "selected_collection_gids",
    "selected_vendors",
    "selected_product_types",
    "selected_product_gids",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hears", [True, False], ids=["webhooks", "all lost"])
def test_what_is_not_asked_for_takes_no_part_from_the_next_change_on(cast, kind, hears):
    cast = cast(ending="leave")
    wish(cast, kind)
    cast.sell()
    if hears:
        cast.world.follow()
    else:
        cast.source.lose_webhooks()
        cast.world.reconcile()
    assert cast.held() == [19, 20, 20]
    assert [bool(link.left_out) for link in cast.connection.links.order_by("pk")] == [False, True, True]
    [problem] = data_problems.unvouched_stock(cast.world.sim.clock.now())
    assert problem.message.startswith("2 items")


@pytest.mark.parametrize("kind", ["share_tags", "selected_tags", "selected_collection_gids"])
@pytest.mark.parametrize("hears", [True, False], ids=["webhooks", "all lost"])
def test_what_comes_is_brought_in_step_and_what_goes_is_offered_no_more(cast, kind, hears):
    cast = cast(ending="zero")
    wish(cast, kind)
    cast.world.carry()
    assert cast.held() == [20, 0, 0]
    cast.source.buy(1, 5)
    if kind == "selected_collection_gids":
        cast.put_into_collection(1)
    else:
        cast.be(0, tags=[])
        cast.be(1, tags=["keep", "b2b"])
    if hears:
        cast.world.follow()
    else:
        cast.source.lose_webhooks()
    cast.world.reconcile() if not hears else cast.world.carry()
    assert cast.held() == [20 if kind == "selected_collection_gids" else 0, 15, 0]
    assert StockAdjustment.objects.filter(cause="ended").count() >= 2


@pytest.mark.parametrize("is_started", [False, True], ids=["no product sync", "catalogue"])
def test_nothing_shared_ends_all_with_the_next_change_and_two_way_it_is_left(cast, is_started):
    cast = cast("two_way", ending="zero")
    if is_started:
        CatalogueSettings.objects.create(connection=cast.connection, product_mode="off").start()
    cast.share(shares_products=False)
    cast.sell()
    cast.world.follow()
    assert cast.held() == [20, 20, 20]
    cast.share(shares_products=True)
    cast.world.carry()
    assert cast.held() == [19, 19, 19]


@pytest.mark.parametrize("unlinked", ["leave_out", "custom"])
def test_orders_leave_out_what_takes_no_part(trade, unlinked):
    trade = trade("order", unlinked=unlinked)
    place = trade.world.places[1]
    connection = trade.world.connections[0]
    product = connection.links.order_by("pk").first().source_variant.product_gid
    Connection.objects.filter(pk=connection.pk).update(selected_product_gids=[product])
    place.order((0, 1), (1, 2))
    trade.world.follow()
    trade.world.carry_orders()
    lines = OrderImportLine.objects.filter(order_import__connection=connection).order_by("pk")
    assert [line.source_variant_id is not None for line in lines] == [True, False]


def test_until_somebody_confirms_it_nothing_of_an_older_connection_ends(cast):
    cast = cast(ending="zero")
    wish(cast, "share_tags")
    cast.select(ignores_selection=True)
    cast.sell()
    cast.world.follow()
    cast.world.reconcile()
    assert cast.held() == [19, 19, 19]
    cast.select(ignores_selection=False)
    cast.world.carry()
    assert cast.held() == [19, 0, 0]


def test_a_source_that_cannot_be_asked_ends_nothing_and_nothing_travels_meanwhile(cast):
    cast = cast(ending="zero")
    wish(cast, "selected_tags")
    cast.source.fault("http", match="any", status=503, count=None)
    cast.sell()
    cast.world.deliver()
    cast.world.work()
    assert cast.held() == [20, 20, 20]


SHARES = ({}, {"shares_products": False}, {"share_tags": ["b2b"]})
SELECTIONS = ({}, {"selected_tags": ["keep"]}, {"unselected_tags": ["keep"]}, {"selected_vendors": ["acme"]})
CATALOGUES = ("none", "set up", "stock only", "update_only", "create_update")
STRATEGIES = ("one_way", "two_way", "order")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_stock_orders_and_catalogue_always_agree_on_who_takes_part(cast, strategy, catalogue):
    cast = cast(strategy, identifier="handle")
    cast.be(0, tags=["b2b", "keep"], vendor="Acme")
    cast.be(1, tags=["b2b"], vendor="Acme")
    cast.be(2, tags=["keep"], vendor="Other")
    known = [(("b2b", "keep"), "acme"), (("b2b",), "acme"), (("keep",), "other")]
    if catalogue != "none":
        mode = "off" if catalogue == "stock only" else catalogue if "_" in catalogue else "create_update"
        row = CatalogueSettings.objects.create(connection=cast.connection, product_mode=mode, guard_share=100)
        row.start() if catalogue != "set up" else None
    cast.world.follow()
    gone = ProductLink.objects.filter(connection=cast.connection, state="unlinked")
    for share, selection in itertools.product(SHARES, SELECTIONS):
        cast.share(**{"shares_products": True, "share_tags": []} | share)
        cast.select(**{"selected_tags": [], "unselected_tags": [], "selected_vendors": []} | selection)
        cast.world.carry()
        wanted = [takes_part(*facts, share, selection) for facts in known]
        links = list(cast.connection.links.select_related("destination_variant").order_by("pk"))
        assert [not link.left_out for link in links] == wanted, (share, selection)
        kept = StockLink.objects.filter(connection=cast.connection, ending="")
        assert [kept.filter(variant_link=link).exists() for link in links] == wanted
        theirs = [link.destination_variant.gid for link in links]
        copied = reserved_units.source_variants(cast.connection.pk, theirs)
        assert [gid in copied for gid in theirs] == wanted
        if catalogue not in ("none", "set up"):
            assert {cast.gid(n) for n in range(3) if not wanted[n]} == set(gone.values_list("source_gid", flat=True))


def takes_part(tags, vendor, share, selection):
    """As the guide says it, in other words than the rule."""
    if not share.get("shares_products", True) or not set(share.get("share_tags", tags)) & set(tags):
        return False
    if selection.get("selected_vendors", [vendor]) != [vendor]:
        return False
    has_it = "keep" in tags
    return not ("selected_tags" in selection and not has_it) and not ("unselected_tags" in selection and has_it)


def test_a_choice_made_by_hand_is_counted_and_done(cast):
    cast = cast(ending="leave")
    [link] = VariantLink.objects.filter(connection=cast.connection, source_variant__product_gid=cast.gid(0))
    which = Q(variant_link=link)
    assert (ends.count_on_sale(which).items, ends.count_on_sale(which).units) == (1, 20)


def match_all(cast):
    """As the first half of the job does, which a worker may not outlive."""
    for place in (cast.source, cast.there):
        linking.refresh_catalogue(place.store)
    linking.match_connection(cast.connection)


@pytest.mark.parametrize("kind", ["selected_tags", "selected_product_gids", "share_tags"])
def test_a_new_link_does_not_count_before_it_is_decided_who_takes_part(cast, kind):
    """Linking commits before the decision does: an order or a stock write in between must not go by the link."""
    cast = cast()
    wish(cast, kind)
    cast.world.work()
    VariantLink.objects.all().delete()
    match_all(cast)
    links = VariantLink.objects.filter(state="linked")
    assert (links.count(), links.exclude(left_out="").count()) == (3, 3)
    selecting.decide(cast.connection)
    assert [link.source_variant.product_gid for link in links.filter(left_out="")] == [cast.gid(0)]


def test_where_everything_takes_part_a_new_link_counts_at_once(cast):
    cast = cast()
    VariantLink.objects.all().delete()
    match_all(cast)
    assert VariantLink.objects.filter(state="linked", left_out="").count() == 3
