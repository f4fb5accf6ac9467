"""The console's sidebar: what a user may see, with the counts that want attention."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from orders.models import OrderImport, OrderUpdate
from stores.linking import suggestions
from stores.models import ProductLink, ResourceLink, VariantLink
from syncing.models import Alert, CatalogueRun, StockHold, SyncJob
from tiposync.console.kit.paginator import count_to
from tiposync.console.orders.filters import ATTENTION

# Title, icon, model, and which badge it carries.
GROUPS = (
    (
        "Stores",
        (
            ("Stores", "storefront", "stores.store", None),
            ("Connections", "sync_alt", "stores.connection", None),
            ("Links", "link", "stores.variantlink", "links"),
            ("Global switch", "power_settings_new", "stores.syncswitch", None),
        ),
    ),
    (
        "Stock",
        (
            ("Stock in step", "balance", "syncing.stocklink", None),
            ("Holds", "front_hand", "syncing.stockhold", "holds"),
            ("Ledger", "receipt_long", "syncing.stockadjustment", None),
            ("Batches", "inventory_2", "syncing.stockbatch", None),
            ("Reconciliations", "fact_check", "syncing.reconciliation", None),
        ),
    ),
    (
        "Orders",
        (
            ("Orders", "shopping_cart", "orders.orderimport", "orders"),
            ("Later changes", "published_with_changes", "orders.orderupdate", "changes"),
        ),
    ),
    (
        "Catalogue",
        (
            ("Catalogues", "menu_book", "stores.cataloguesettings", None),
            ("Product links", "sell", "stores.productlink", "products"),
            ("Collections & content", "article", "stores.resourcelink", "content"),
            ("Runs", "play_circle", "syncing.cataloguerun", "runs"),
            ("Currency rates", "currency_exchange", "stores.currencyrate", None),
        ),
    ),
    (
        "Operation",
        (
            ("Jobs", "task_alt", "syncing.syncjob", "jobs"),
            ("Webhook events", "webhook", "syncing.webhookevent", None),
            ("Workers", "engineering", "syncing.cluster", None),
            ("Alerts", "notifications", "syncing.alert", "alerts"),
        ),
    ),
    (
        "Administration",
        (
            ("Alert channels", "campaign", "syncing.alertchannel", None),
            ("Privacy requests", "shield_person", "syncing.privacyrequest", None),
            ("Changes", "history", "stores.configurationchange", None),
            ("Users", "person", "auth.user", None),
            ("Groups", "group", "auth.group", None),
        ),
    ),
)
LARGEST_COUNT = 999
LINK_ATTENTION = (ProductLink.State.CONFLICT, ProductLink.State.FAILED)
BADGES = {
    "links": ("warning", lambda: VariantLink.objects.filter(state__in=suggestions.OPEN)),
    "alerts": ("danger", lambda: Alert.objects.filter(resolved_at=None)),
    "orders": ("danger", lambda: OrderImport.objects.filter(ATTENTION)),
    "changes": (
        "danger",
        lambda: OrderUpdate.objects.filter(state__in=(OrderUpdate.State.FAILED, OrderUpdate.State.NEEDS_SHOP)),
    ),
    "products": ("warning", lambda: ProductLink.objects.filter(state__in=LINK_ATTENTION)),
    "content": ("warning", lambda: ResourceLink.objects.filter(state__in=LINK_ATTENTION)),
    "runs": ("warning", lambda: CatalogueRun.objects.filter(state=CatalogueRun.State.HELD)),
    "holds": ("warning", lambda: StockHold.objects.filter(state=StockHold.State.OPEN)),
    "jobs": ("danger", lambda: SyncJob.objects.filter(state=SyncJob.State.FAILED)),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and their links (UNFOLD's SIDEBAR navigation)."""
    first = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [first]}]
    for title, rows in GROUPS:
        items = [_item(*row) for row in rows if _may_view(request, row[2])]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _may_view(request: HttpRequest, label: str) -> bool:
    app, model = label.split(".")
    return request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")


def _item(title: str, icon: str, label: str, badge: str | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "title": title,
        "icon": icon,
        "link": reverse(f"admin:{label.replace('.', '_')}_changelist"),
    }
    if badge:
        variant, wanting = BADGES[badge]
        item |= {"badge": badge_text(wanting()), "badge_variant": variant}
    return item


def badge_text(rows: QuerySet) -> str | int:
    """How many want attention; beyond LARGEST_COUNT the number helps nobody and would be counted on every page."""
    count = count_to(rows, LARGEST_COUNT + 1)
    return f"{LARGEST_COUNT}+" if count > LARGEST_COUNT else count


def icon(request: HttpRequest) -> str:
    """The address of the picture in a browser's tab (UNFOLD's SITE_FAVICONS)."""
    return static("console/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """The address of the console's own styles (UNFOLD's STYLES)."""
    return static("console/console.css")


def script(request: HttpRequest) -> str:
    """The address of what makes unfold's icons fit for keyboards and screen readers (UNFOLD's SCRIPTS)."""
    return static("console/console.js")
