"""The console's sidebar: what a user may see, with the counts that want attention."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from tiposync.console.home import attention

# Title, icon, model. What belongs to a line and has none of its own is a tab of its list (RELATED).
LINES = (
    ("Inventory", "balance", "syncing.stocklink"),
    ("Variant matching", "link", "stores.variantlink"),
    ("Products", "sell", "stores.productlink"),
    ("Product sync", "menu_book", "stores.cataloguesettings"),
    ("Orders", "shopping_cart", "orders.orderimport"),
    ("Connections", "sync_alt", "stores.connection"),
    ("Stores", "storefront", "stores.store"),
)
GROUPS = (
    (
        "Activity",
        (
            ("Inventory history", "receipt_long", "syncing.stockadjustment"),
            ("Audit log", "history", "stores.configurationchange"),
            ("Sync runs", "play_circle", "syncing.cataloguerun"),
            ("Checks", "fact_check", "syncing.reconciliation"),
        ),
    ),
    (
        "Settings",
        (
            ("Alerts", "campaign", "syncing.alertchannel"),
            ("Currency rates", "currency_exchange", "stores.currencyrate"),
            ("People", "group", "auth.user"),
            ("Privacy", "shield_person", "syncing.privacyrequest"),
        ),
    ),
    (
        "System",
        (
            ("Jobs", "task_alt", "syncing.syncjob"),
            ("Webhooks", "webhook", "syncing.webhookevent"),
            ("Workers", "engineering", "syncing.cluster"),
            ("Batches", "inventory_2", "syncing.stockbatch"),
        ),
    ),
)
FOLDED = "System"
# Lists that stand beside each other: the first has the line in the menu.
RELATED = (
    (("Variant matching", "stores.variantlink"), ("Decisions", "stores.matchdecision")),
    (("Inventory", "syncing.stocklink"), ("Needs review", "syncing.holdcause"), ("Each review", "syncing.stockhold")),
    (("Orders", "orders.orderimport"), ("Order updates", "orders.orderupdate")),
    (("Products", "stores.productlink"), ("Collections & content", "stores.resourcelink")),
    (("Connections", "stores.connection"), ("Pause all syncing", "stores.syncswitch")),
    (("Alert channels", "syncing.alertchannel"), ("Alerts", "syncing.alert")),
    (("Users", "auth.user"), ("Groups", "auth.group")),
    (("Sync runs", "syncing.cataloguerun"), ("Lines", "syncing.cataloguerunitem")),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The lines and groups of the menu (UNFOLD's SIDEBAR navigation)."""
    first: list[dict[str, Any]] = [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]
    found = attention.of(request)
    first.append(
        {
            "title": "Needs attention",
            "icon": "notifications_active",
            "link": reverse("attention"),
            "badge": found.badge,
            "badge_variant": "danger",
        }
    )
    groups: list[dict[str, Any]] = [{"items": first + _items(request, LINES)}]
    for title, lines in GROUPS:
        if items := _items(request, lines):
            groups.append({"title": title, "separator": True, "items": items, "is_folded": title == FOLDED})
    return groups


def related(request: HttpRequest) -> list[dict[str, Any]]:
    """The lists that are tabs of one another (UNFOLD's TABS)."""
    found = []
    for lists in RELATED:
        seen = [(title, label) for title, label in lists if may_view(request, label)]
        if len(seen) > 1:
            items = [{"title": title, "link": list_of(label)} for title, label in seen]
            found.append({"models": [label for _, label in seen], "items": items})
    return found


def may_view(request: HttpRequest, label: str) -> bool:
    """Whether whoever asks sees a model's list."""
    app, model = label.split(".")
    return request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")


def list_of(label: str) -> str:
    """The address of a model's list."""
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def _items(request: HttpRequest, lines: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    items = []
    for title, icon_name, label in lines:
        if may_view(request, label):
            url = list_of(label)
            item: dict[str, Any] = {"title": title, "icon": icon_name, "link": url}
            if badge := attention.of(request).badges.get(label):
                item |= {"badge": badge.words, "badge_link": f"{url}?{badge.query}", "badge_words": badge.label}
            items.append(item)
    return items


def icon(request: HttpRequest) -> str:
    """The address of the picture in a browser's tab (UNFOLD's SITE_FAVICONS)."""
    return static("console/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """The address of the console's own styles (UNFOLD's STYLES)."""
    return static("console/console.css")


def script(request: HttpRequest) -> str:
    """The address of what makes unfold's icons fit for keyboards and screen readers (UNFOLD's SCRIPTS)."""
    return static("console/console.js")
