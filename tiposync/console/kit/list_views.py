"""Which views each list has: one table, read by the lists, by the menu's badges and by what needs attention.

A view's rows are those that its query shows; a test opens each and counts.
"""

from collections.abc import Callable

from django.db.models import Q, QuerySet

from orders.models import OrderImport, OrderUpdate
from stores.linking import suggestions
from stores.models import Connection, ProductLink, VariantLink
from syncing.catalogue import spared
from syncing.connections import stopped_sales
from syncing.models import Alert, CatalogueRun, PrivacyRequest, StockHold, StockLink, SyncJob, WebhookEvent
from syncing.monitoring import connection_status
from syncing.stock import unvouched
from tiposync.console.kit.filters import StoreAttentionFilter, open_causes
from tiposync.console.kit.views import View
from tiposync.console.orders.filters import condition_of

TROUBLED_STORES = StoreAttentionFilter.conditions[0][2]
# Alerts about rows that are counted by themselves say nothing new on the page of all that needs attention.
OF_ROWS = (
    *(Alert.Kind.STORE_DISCONNECTED, Alert.Kind.OVERSOLD, Alert.Kind.HELD, Alert.Kind.JOB_FAILED),
    *(Alert.Kind.EVENT_FAILED, Alert.Kind.ORDER_FAILED, Alert.Kind.ORDER_NEEDS_SHOP, Alert.Kind.STOCK_UNVOUCHED),
    *(Alert.Kind.SALE_REFUSED, Alert.Kind.CATALOGUE, Alert.Kind.PRIVACY),
)
OWN_ALERTS = {"resolved_at__isnull": True, "kind__in": [kind for kind in Alert.Kind if kind not in OF_ROWS]}
FOLLOWS = {"state__in": (ProductLink.State.CONFLICT, ProductLink.State.FAILED)}


def _q(**wanted: object) -> Callable[[], Q]:
    return lambda: Q(**wanted)


def _among(rows: QuerySet) -> Q:
    return Q(pk__in=rows.values("pk"))


def _orders(name: str) -> Callable[[], Q]:
    return lambda: condition_of(name)


ALL = View("All")
VIEWS: dict[str, tuple[View, ...]] = {
    "stores.store": (
        View(
            *("Needs attention", "attention=open", _q(**TROUBLED_STORES), "Stores with a problem"),
            "Open the store: its page says what is wrong. Put that right, then press “Check store”.",
        ),
        ALL,
        View("Sources", "role__exact=source"),
        View("Destinations", "role__exact=destination"),
    ),
    "stores.connection": (
        View(
            *("Waits for approval", "state__exact=pending", _q(state=Connection.State.PENDING)),
            *("Connections that wait for approval", "Open the connection and press “Approve” or “Reject”."),
        ),
        ALL,
        View("Started", "state__exact=running"),
        View("Paused", "is_paused__exact=1"),
    ),
    "stores.variantlink": (
        View("Needs attention", "doubt=open", _q(state__in=suggestions.OPEN)),
        ALL,
        View("Suggestions to accept", "doubt=sure"),
        View("Linked", "state__exact=linked"),
        View("Ignored", "state__exact=ignored", _q(state=VariantLink.State.IGNORED)),
        View("Decided by hand", "is_manual__exact=1"),
    ),
    "syncing.stocklink": (
        View(
            *("Oversold", "stock=oversold", lambda: _among(connection_status.oversold()), "Oversold items"),
            "Open the item: it was sold more often than it is there. Restock it, or cancel an order.",
        ),
        View(
            *("On sale, not synced", "stock=unvouched", lambda: _among(unvouched.find())),
            "Items on sale that are not synced any more",
            "Tick them, then choose “Set to 0” or “Leave to the store”.",
        ),
        View(
            *("Sale refused", "stock=sale_refused", lambda: _among(stopped_sales.refused())),
            "Items that a store refuses to stop selling",
            "Change it in the store, or tick them and choose “Try again”.",
        ),
        ALL,
        View("Needs review", "state__exact=held", _q(state=StockLink.State.HELD)),
        View("Out of sync", "stock=out", lambda: connection_status.OUT_OF_STEP),
        View("Changed in the destination", "state__exact=drifted", _q(state=StockLink.State.DRIFTED)),
    ),
    "syncing.holdcause": (
        View(
            *("Needs review", "open=yes", open_causes, "Changes that need review"),
            "Open one: it lists its items in all connections. Release all, discard all, or look at each.",
        ),
        ALL,
        View("Decided", "open=no"),
    ),
    "syncing.stockhold": (
        View("Needs review", "state__exact=open", _q(state=StockHold.State.OPEN)),
        ALL,
    ),
    "orders.orderimport": (
        View("Needs attention", "standing=attention", _orders("attention")),
        ALL,
        View(
            *("Failed", "state__exact=failed", _q(state=OrderImport.State.FAILED), "Orders that were not imported"),
            "Open the order: it says why. Put that right, then press “Import again”.",
        ),
        View(
            *("Waits for review", "standing=review", _orders("review"), "Orders that wait for your review"),
            "Open the order and its preview, then press “Import” or “Never”.",
        ),
        View(
            *("Waits for links", "standing=links", _orders("links"), "Orders whose products are not linked"),
            "Link the products under “Variant matching”: the orders then go on by themselves.",
        ),
        View(
            *("Linked since", "standing=linked", _orders("linked"), "Orders whose products were linked since"),
            "Open the order and press “Import again” or “Not ours”.",
        ),
        View(
            *("Needs the shop", "standing=shop", _orders("shop"), "Orders that were changed by hand"),
            "Open the order: it says what differs. Do that in Shopify, then press “Done by hand”.",
        ),
        View("Waits for payment", "standing=payment"),
    ),
    "orders.orderupdate": (
        View(
            *("Failed", "state__exact=failed", _q(state=OrderUpdate.State.FAILED), "Order updates that failed"),
            "Open the update: it says why. Put that right, then press “Try again”.",
        ),
        ALL,
        View("Needs the shop", "state__exact=needs_shop", _q(state=OrderUpdate.State.NEEDS_SHOP)),
    ),
    "stores.productlink": (
        View(
            *("Needs attention", "attention=open", _q(**FOLLOWS), "Products that are not synced"),
            "Open the product: it says why. Put that right, then press “Sync now”.",
        ),
        View(
            *("Left on sale", "attention=left", lambda: _among(spared.find_left())),
            "Products left on sale that follow nothing any more",
            "Take the product off sale in the destination, or go on selling it by hand; then press “Keep as it is”.",
        ),
        ALL,
        View("Linked", "state__exact=linked"),
    ),
    "stores.resourcelink": (
        View(
            *("Needs attention", "attention=open", _q(**FOLLOWS), "Collections and content that are not synced"),
            "Open it: its page says why. Put that right, then press “Sync now”.",
        ),
        ALL,
        View("Linked", "state__exact=linked"),
    ),
    "syncing.cataloguerun": (
        View(
            *("Needs review", "state__exact=held", _q(state=CatalogueRun.State.HELD), "Sync runs that need review"),
            "Open the run: it would remove much. Release or discard it.",
        ),
        ALL,
        View("Previews", "is_preview__exact=1"),
    ),
    "syncing.syncjob": (
        View(
            *("Failed", "state__exact=failed", _q(state=SyncJob.State.FAILED), "Failed jobs"),
            "Open the job: it says why. Put that right, then press “Run again”. That is always safe.",
        ),
        ALL,
        View("Running", "state__exact=running"),
        View("Waiting", "due=now"),
    ),
    "syncing.webhookevent": (
        View(
            *("Failed", "state__exact=failed", _q(state=WebhookEvent.State.FAILED), "Webhooks that failed"),
            "Open the webhook: it says why. Then press “Replay”.",
        ),
        ALL,
        View("Waiting", "state__exact=new"),
    ),
    "syncing.alert": (
        View(
            *("About tiposync itself", "open=own", _q(**OWN_ALERTS), "Alerts about tiposync itself"),
            "Open the alert: it says what does not work, and who can help.",
        ),
        View("Open", "open=yes", _q(resolved_at__isnull=True)),
        ALL,
        View("Ended", "open=no"),
    ),
    "syncing.privacyrequest": (
        View(
            *("Open", "state__exact=open", _q(state=PrivacyRequest.State.OPEN), "Privacy requests"),
            "Open the request before it is due: export what is kept and send it to the customer.",
        ),
        ALL,
    ),
    "syncing.reconciliation": (ALL, View("Failed", "state__exact=failed"), View("Reading", "state__exact=reading")),
    "syncing.stockadjustment": (
        ALL,
        View("Refused", "state__exact=failed"),
        View("Unknown", "state__exact=unknown"),
    ),
}
