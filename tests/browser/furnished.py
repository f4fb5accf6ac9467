"""A console in use: a row of every kind, most of them made by the product itself, for whoever looks at all pages."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.management import call_command
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from orders.models import OrderImport, OrderUpdate
from stores import roles
from stores.models import CurrencyRate, MatchDecision, ProductLink, ResourceLink, SyncSwitch, VariantLink
from syncing.models import (
    Alert,
    AlertChannel,
    CatalogueRun,
    PrivacyRequest,
    Reconciliation,
    StockHold,
    StockLink,
    SyncJob,
)
from syncing.queue import enqueue
from tests.browser.product import Product
from tests.browser.shop_window import ShopWindow, open_shops
from tests.browser.visitor import make_user
from tests.simulator.events.catalogue import hands as catalogue_hands
from tests.support.console.press import page_of

# Which row of a model's has most to show.
CHOSEN = {
    VariantLink: {"state": "ambiguous"},
    StockHold: {"state": "open"},
    SyncJob: {"state": "failed"},
    ProductLink: {"state": "linked"},
}


@dataclass
class Furnished:
    """The shops, and somebody who looks."""

    window: ShopWindow
    request: HttpRequest

    def row_of(self, model: type[Model]) -> Model:
        rows = model._default_manager.order_by("pk")
        return rows.filter(**CHOSEN[model]).first() if model in CHOSEN else rows.first()

    def other_pages(self) -> list[str]:
        """Pages that are no model's."""
        pair = StockLink.objects.filter(variant_link__source_variant__product_title="Demo one-way").get()
        link = VariantLink.objects.get(source_variant__product_title="No SKU at all")
        return [
            "/admin/",
            reverse("admin:syncing_timeline", args=[pair.variant_link_id]),
            reverse("admin:stores_variantlink_change", args=[link.pk]) + "?partner=sku",
            page_of(self.window.connection, "history"),
            page_of(self.window.connection, "delete"),
            reverse("admin:syncing_timeline", args=[pair.variant_link_id]) + "?at_from_0=2026-01-01",
            reverse("admin:stores_connection_do", args=[self.window.connection.pk, "preview"]),
            reverse("time_zone"),
            reverse("two_factor"),
            reverse("admin:password_change"),
            reverse("admin:stores_variantlink_changelist") + "?q=nothing-is-called-that",
            "/admin/stores/currencyrate/import/",
        ]


def furnish(product: Product) -> Furnished:
    """Two shops at work, with an order, a hold, a failed job, a catalogue, an alert and all the rest."""
    window = open_shops(product)
    sim, source, north = product.sim, window.source, window.north
    one_way, _ = window.items("Demo one-way")
    one_way.stock = 12
    hold, _ = window.items("Demo two-way")
    hold.stock = 0
    _add_content(window)
    name = f"{source.domain}:{north.domain}"
    choices = {
        "product_mode": "create_update",
        "fixed_rate": "0.92",
        "collection_mode": "create_update",
        "channels": "all",
    }
    call_command(
        "set_catalogue",
        name,
        **choices,
        **dict.fromkeys(("syncs_pages", "syncs_blogs", "syncs_articles"), "on"),
        verbosity=0,
    )
    call_command("sync_catalogue", name, "start", verbosity=0)
    buyer = {"email": "ada.byron@example.com", "first_name": "Ada", "last_name": "Byron"}
    goods = window.items("Tea set: cup")[1].variant
    sim.place_order(north.domain, [(goods.id, 2)], email=buyer["email"], customer=buyer, force=True)
    _add_rows(window)
    enqueue.reconcile(window.connection)
    product.wait_until(StockHold.objects.filter(state="open").exists, "the hold")
    product.wait_until(OrderImport.objects.filter(state="confirmed").exists, "the copy")
    product.wait_until(CatalogueRun.objects.filter(state="finished").exists, "the first sync")
    product.wait_until(ResourceLink.objects.exists, "a collection")
    product.wait_until(Reconciliation.objects.filter(state="done").exists, "the comparison")
    OrderUpdate.objects.create(
        order_import=OrderImport.objects.first(),
        kind="refund",
        origin_gid="gid://shopify/Refund/1",
        state="failed",
        failure="rejected",
        reason="Shopify refused it: the order is archived.",
        origin_at=timezone.now(),
    )
    request = HttpRequest()
    request.user = make_user("looker")
    return Furnished(window, request)


def _add_content(window: ShopWindow) -> None:
    """Something for a catalogue besides products."""
    sim, source = window.product.sim, window.source
    chosen = [item.variant.product_id for item in (window.items("Tea set: cup")[0], window.items("Tea set: pot")[0])]
    catalogue_hands.add_collection(source, sim.clock, "New in", products=chosen)
    catalogue_hands.add_page(source, sim.clock, "Opening hours", body="<p>Nine to five.</p>")
    blog = catalogue_hands.add_blog(source, sim.clock, "Workshop")
    catalogue_hands.add_article(source, sim.clock, blog.id, "How it is made", body="<p>By hand.</p>")


def _add_rows(window: ShopWindow) -> None:
    """What would take longer, or a misfortune, to come about by itself."""
    now, connection = timezone.now(), window.connection
    SyncJob.objects.create(
        kind="match_product",
        subject="product 1",
        store=connection.source,
        state="failed",
        failure="misconfigured",
        message="The scope read_products is missing.",
        due_at=now,
        finished_at=now,
        attempts=1,
        traceback="Traceback (most recent call last):\n  File …",
    )
    CurrencyRate.objects.create(base="EUR", quote="USD", rate="1.087", valid_from="2026-01-01")
    AlertChannel.objects.create(name="Desk", addresses="desk@example.com", is_active=False)
    Alert.objects.create(
        kind="oversold", subject="item 1", message="Oak Mug at Shop Bremen.", opened_at=now, seen_at=now
    )
    PrivacyRequest.objects.create(
        store=connection.destination, kind="data", customer_id=7, due_at=now + timedelta(days=30)
    )
    SyncSwitch.load()
    decision = MatchDecision.objects.create(kind="ignore", made_by=make_user("sam", roles.SUPPORT))
    ignored = connection.links.order_by("pk").first()
    decision.rows.create(link=ignored, before_state="unmatched", after_state="ignored")
