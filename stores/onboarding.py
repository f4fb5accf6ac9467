"""Check store: whether everything is in place to work with a store, in words; and repair what we can repair."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from stores import clients
from stores.models import CatalogueSettings, Connection, Location, LocationMapping, Store, Strategy, SyncMode
from stores.shopify import shops, webhooks
from stores.shopify.auth import NOT_CONNECTED
from stores.shopify.client import Client
from stores.shopify.errors import (
    TRANSIENT,
    AccessDenied,
    InvalidCredentials,
    NotConnected,
    ShopifyError,
    StoreFrozen,
    StoreLocked,
    StoreNotFound,
    StoreRenamed,
    Unauthorized,
    WrongVersion,
)
from stores.shopify.orders import orders

logger = logging.getLogger(__name__)

WEBHOOK_PATH = "/webhooks/shopify/"
# What every store needs; `purposes` adds what its connections carry besides.
# Scopes of which the lack is noted, with what then is not done; all else goes on.
EDITS, BACK, MOVES = "write_order_edits", "write_orders", "write_merchant_managed_fulfillment_orders"
NOTES = {
    EDITS: "what is added to an order after it was imported, or taken off it by an edit, is told and not done",
    BACK: "what staff take off a copy cannot be taken off its original, as was chosen for a connection: it needs the "
    "shop instead",
    MOVES: "with two or more mapped locations, copies of orders take their units where Shopify routes them, and copies "
    "of counter sales are not fulfilled, whatever was chosen for the connection",
}
PURPOSES = ("links", "stock")
# These end all traffic with a store until somebody acts; everything else only needs attention.
_DISCONNECTING = (Unauthorized, InvalidCredentials, StoreNotFound, StoreRenamed, StoreFrozen, StoreLocked)


class NotInPlace(Exception):
    """Something that an operator must see to; the message says what."""


@dataclass(frozen=True)
class Finding:
    """One line of a check: what was looked at, whether it is well, and what was found or must be done.

    `advice` is for what is well as far as we can tell, and yet may need somebody.
    """

    name: str
    ok: bool
    message: str
    advice: str = ""


@dataclass(frozen=True)
class CheckReport:
    """All findings of a check, the Store.Status that follows from them, and why it is not READY ('' if it is).

    `is_passing`: something of it passes by itself, so another check may find it well.
    """

    findings: tuple[Finding, ...]
    status: str
    reason: str
    is_passing: bool = False

    @property
    def ok(self) -> bool:
        return self.status == Store.Status.READY

    def as_rows(self) -> list[dict]:
        """As kept in Store.check_report: a list of {"name", "ok", "message", "advice"}."""
        return [asdict(finding) for finding in self.findings]

    def __str__(self) -> str:
        return "Everything is in place." if self.ok else self.reason


def check_store(store: Store, *, is_pressed: bool = True) -> CheckReport:
    """Look at credentials, version, scopes, currency, locations and webhooks; repair the webhook subscriptions.

    One that an operator pressed asks a store in trouble at once, and whatever Shopify answers becomes a finding. Any
    other waits for its rest as all work does, and what passes by itself is no finding of it: it is raised, after what
    does not pass was written down, and says nothing of the store. Saves the report and the status.
    """
    if not is_pressed:
        clients.open_client(store).check_gate(is_write=False)  # before its token is renewed, which passes no gate
    check = _Check(store, clients.open_for_check if is_pressed else clients.open_client, notes_passing=is_pressed)
    check.run()
    report = check.conclude()
    if not is_pressed and check.passing:
        if not report.ok:
            _save(store, report)
        raise check.passing[0]
    _save(store, report)
    return report


def _save(store: Store, report: CheckReport) -> None:
    store.status, store.status_reason = report.status, report.reason
    store.check_report, store.checked_at = report.as_rows(), timezone.now()
    # Only what a check is about: the token may have been renewed meanwhile, the bucket certainly moved.
    store.save(update_fields=["name", "currency", "scopes", "status", "status_reason", "check_report", "checked_at"])


class _Check:
    """One check of one store; collects findings and what hindered it.

    `notes_passing`: whether what passes by itself is a finding; it stands in `passing` anyway.
    """

    def __init__(self, store: Store, open_client: Callable[[Store], Client], *, notes_passing: bool) -> None:
        self.store, self._open_client, self._notes_passing = store, open_client, notes_passing
        self.findings: list[Finding] = []
        self.errors: list[ShopifyError] = []

    def run(self) -> None:
        """Look at everything; without credentials or an answer there is nothing more to look at."""
        if not self._check("Credentials", lambda: _check_credentials(self.store)):
            return
        client = self._open_client(self.store)
        if not self._check("Reachable", lambda: _check_shop(self.store, client)):
            return
        version = settings.SHOPIFY_API_VERSION
        self._check("API version", lambda: f"Shopify serves {version}, the version we speak.")
        self._check("Currency", lambda: self.store.currency)
        self._check("Scopes", lambda: _check_scopes(self.store, client))
        self._check("Locations", lambda: _check_locations(self.store, client))
        self._check("Webhook subscriptions", lambda: _check_subscriptions(self.store, client))
        if _order_connections(self.store):
            self._check("Customer data", lambda: _check_customer_data(client))
        if self.store.is_source and _order_connections(self.store):
            self._check("Orders", lambda: _check_orders(client))
        self._check("Webhook signature", lambda: _check_signature(self.store))

    def _check(self, name: str, check: Callable[[], str | tuple[str, str]]) -> bool:
        advice = ""
        try:
            found, ok = check(), True
            message, advice = found if isinstance(found, tuple) else (found, "")
        except NotInPlace as unwell:
            message, ok = str(unwell), False
        except ShopifyError as error:
            logger.warning("Check of %s: %s", self.store.domain, error)
            self.errors.append(error)
            if error.failure == TRANSIENT and not self._notes_passing:
                return False
            message, ok = _explain(error), False
            if isinstance(error, WrongVersion):
                name = "API version"
        self.findings.append(Finding(name, ok, message, advice))
        return ok

    @property
    def passing(self) -> list[ShopifyError]:
        """What hindered it and passes by itself."""
        return [error for error in self.errors if error.failure == TRANSIENT]

    def conclude(self) -> CheckReport:
        """The report and the status that follows."""
        unwell = [finding for finding in self.findings if not finding.ok]
        status = Store.Status.ATTENTION if unwell else Store.Status.READY
        is_unknown = bool(self.errors) and self.passing == self.errors
        was_disconnected = self.store.status == Store.Status.DISCONNECTED
        # A check that could not look proves nothing: what was disconnected stays so.
        hindered = [error for error in self.errors if not isinstance(error, NotConnected)]
        if any(isinstance(error, _DISCONNECTING) for error in hindered) or (was_disconnected and is_unknown):
            status = Store.Status.DISCONNECTED
        reason = " ".join(f"{finding.name}: {finding.message}" for finding in unwell)
        return CheckReport(tuple(self.findings), status, reason, is_passing=bool(self.passing))


def _explain(error: ShopifyError) -> str:
    again = " It is looked at again by itself; you may check again at any time." if error.failure == TRANSIENT else ""
    return f"{error}{again}"


def _check_credentials(store: Store) -> str:
    clients.renew_token(store)
    if store.token_expires_at is None:
        return "A fixed Admin API token; it does not expire."
    if store.auth == Store.Auth.INSTALLED:
        return words_of_access(store)
    return (
        f"Shopify gave a token. It is renewed by itself; this one ends at {store.token_expires_at:%Y-%m-%d %H:%M} UTC."
    )


def words_of_access(store: Store) -> str:
    """How long an app that was installed from Shopify may ask: its token, and what that is renewed with."""
    if not store.is_connected:
        return NOT_CONNECTED
    ends = f"{store.token_expires_at:%Y-%m-%d %H:%M} UTC" if store.token_expires_at else "never"
    last = f"{store.refresh_expires_at:%Y-%m-%d}" if store.refresh_expires_at else "a day that Shopify did not tell"
    return (
        f"Installed from Shopify. The token is renewed by itself; this one ends at {ends}. If nothing is asked of the "
        f"store until {last}, the app must be installed again."
    )


def _check_shop(store: Store, client: Client) -> str:
    shop = shops.read_shop(client)
    if shop.domain.lower() != store.domain:
        raise NotInPlace(
            f"The store {shop.domain} answers under {store.domain}. Enter its permanent .myshopify.com name instead."
        )
    store.name, store.currency = store.name or shop.name, shop.currency
    return f"“{shop.name}” answers."


def _check_scopes(store: Store, client: Client) -> str:
    granted = shops.read_scopes(client)
    store.scopes = sorted(granted)
    missing = set(shops.missing_scopes(granted, purposes(store)))
    note = ""
    if "write_inventory" in missing and not _must_be_written(store):
        missing.remove("write_inventory")
        note = " write_inventory is not granted: it is needed once a connection is two-way."
    for scope in (EDITS, MOVES) if store.is_source else (BACK,):
        if scope in missing:
            missing.remove(scope)
            note += f" {scope} is not granted: {NOTES[scope]}."
    if missing and store.auth == Store.Auth.INSTALLED:
        raise NotInPlace(
            f"Missing: {', '.join(sorted(missing))}. Press “Connect”: Shopify asks for them on the store. Where it "
            "does not, add them to the app in the Dev Dashboard (Versions), release it, and press “Connect” again."
        )
    if missing:
        raise NotInPlace(
            f"Missing: {', '.join(sorted(missing))}. Add them to the app in the Dev Dashboard (a fixed token's app: "
            "in the store's admin), release it, approve it on the store, and check the store again."
        )
    return f"All that are needed are granted.{note}"


def purposes(store: Store) -> tuple[str, ...]:
    """What its scopes must allow: a source's catalogue is only read."""
    side = "connection__source" if store.is_source else "connection__destination"
    catalogues = list(CatalogueSettings.objects.filter(**{side: store}))
    wanted = [*PURPOSES, *_order_purposes(store)]
    if any(mode != SyncMode.OFF for row in catalogues for mode in (row.product_mode, row.collection_mode)):
        wanted.append("catalog_source" if store.is_source else "catalog")
    if any(row.syncs_pages or row.syncs_blogs or row.syncs_articles for row in catalogues):
        wanted.append("content_source" if store.is_source else "content")
    if any(row.metaobject_mode != SyncMode.OFF for row in catalogues):
        wanted.append("metaobjects_source" if store.is_source else "metaobjects")
    if not store.is_source and any(row.makes_metaobject_types for row in catalogues):
        wanted.append("types of metaobjects")
    if not store.is_source and store.as_destination.filter(ending=Connection.Ending.DENY).exists():
        wanted.append("sales stopped")
    return tuple(wanted)


def _order_connections(store: Store) -> list[Connection]:
    """The connections of a store that carry orders, in either role, or did so lately: what they noted goes on."""
    rows = Connection.objects.filter(Q(source=store) | Q(destination=store))
    return [connection for connection in rows if connection.order_strategies()]


def _order_purposes(store: Store) -> set[str]:
    strategies = {each for connection in _order_connections(store) for each in connection.order_strategies()}
    if not store.is_source:
        carried = Connection.objects.filter(destination=store, order_settings__copy_changes="carry")
        goes_back = bool(strategies) and carried.exists()
        return ({"orders given"} if strategies else set()) | ({"orders given back"} if goes_back else set())
    wanted = {"drafts taken" if strategy == Strategy.DRAFT_ORDER else "orders taken" for strategy in strategies}
    has_places = any(each.mappings.all()[:2].count() > 1 for each in _order_connections(store))
    wanted |= {"orders edited"} if wanted else set()
    has_counters = Connection.objects.filter(source=store, order_settings__fulfils_counter_sales=True).exists()
    return wanted | ({"orders moved"} if wanted and (has_places or has_counters) else set())


def _topics(store: Store) -> tuple[str, ...]:
    """What a store must tell us of."""
    if not _order_connections(store):
        return webhooks.TOPICS
    return webhooks.TOPICS + (webhooks.COPY_TOPICS if store.is_source else webhooks.ORDER_TOPICS)


def _check_orders(client: Client) -> str:
    is_new = orders.ensure_definition(client)
    return "Copies can be looked up by their original" + (": the definition was just made." if is_new else ".")


def _check_customer_data(client: Client) -> str:
    """Whether Shopify lets the app see who bought: approved apart from the scopes."""
    try:
        has_names = shops.read_customer_access(client)
    except AccessDenied as error:
        if error.missing_scopes:  # of which “Scopes” tells
            return "Not known: the scopes for it are missing."
        raise NotInPlace(f"Protected customer data are not granted to this app: {shops.CUSTOMER_DATA}") from None
    if has_names is False:
        raise NotInPlace(
            f"Shopify shows customers without names, mails and addresses to this app: {shops.CUSTOMER_DATA}"
        )
    if has_names is None:
        return "Protected customer data are granted, as far as can be seen: the store has no customer yet."
    return "Protected customer data are granted: names, mails and addresses arrive with orders."


def _must_be_written(store: Store) -> bool:
    """Stock of a source changes only along two-way connections."""
    return not store.is_source or any(connection.is_two_way for connection in store.as_source.all())


def _check_locations(store: Store, client: Client) -> str:
    refresh_locations(store, client)
    mapped = LocationMapping.objects.filter(Q(source_location__store=store) | Q(destination_location__store=store))
    for mapping in mapped.select_related("connection__source", "connection__destination"):
        for location in (mapping.source_location, mapping.destination_location):
            if location.store_id == store.pk and not location.is_active:
                raise NotInPlace(
                    f"{location.name} is mapped in {mapping.connection}, but it is not active (any more). Activate it "
                    "in the store's admin, or map another location."
                )
    names = list(store.locations.filter(is_active=True).order_by("name").values_list("name", flat=True))
    if not names:
        raise NotInPlace("The store has no active location: there is no stock to sync.")
    return f"{len(names)} active: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}."


def refresh_locations(store: Store, client: Client | None = None) -> None:
    """Take over a store's locations. One that Shopify does not list any more stays, inactive, with its mappings.

    Raises as the client does.
    """
    records = shops.read_locations(client or clients.open_client(store))
    Location.objects.bulk_create(
        [
            Location(
                store=store,
                gid=record.gid,
                name=record.name[:255],
                is_active=record.is_active,
                is_fulfillment_service=record.is_fulfillment_service,
            )
            for record in records
        ],
        update_conflicts=True,
        unique_fields=["store", "gid"],
        update_fields=["name", "is_active", "is_fulfillment_service"],
    )
    store.locations.exclude(gid__in=[record.gid for record in records]).update(is_active=False)


def webhook_address() -> str:
    """Where Shopify shall deliver webhooks; '' while PUBLIC_URL is not set."""
    return settings.PUBLIC_URL.rstrip("/") + WEBHOOK_PATH if settings.PUBLIC_URL else ""


def _check_subscriptions(store: Store, client: Client) -> tuple[str, str]:
    address = webhook_address()
    if not address:
        raise NotInPlace(
            "PUBLIC_URL is not set, so Shopify does not know where to deliver: changes arrive only with the hourly "
            "reconciliation. Set PUBLIC_URL to this service's https address, restart it, and check the store again."
        )
    report = webhooks.repair_subscriptions(client, address, _topics(store))
    parts, advice = [f"{len(report.present)} present"], ""
    if report.created:
        parts.append(f"{len(report.created)} were missing and are made again ({_listed(report.created)})")
    if report.removed:
        parts.append(f"{len(report.removed)} were wrong or double and are removed ({_listed(report.removed)})")
    if report.elsewhere:
        hosts = sorted({urlsplit(subscription.uri).hostname or "?" for subscription in report.elsewhere})
        parts.append(
            f"{len(report.elsewhere)} of this app point elsewhere ({', '.join(hosts)}) and are left alone: another "
            "installation, or a former address of this one"
        )
        advice = "If nobody needs these any more, delete them in Shopify, or uninstall the app that made them."
    return "; ".join(parts) + ".", advice


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(webhooks.TOPIC_HEADERS.get(name, name) for name in names[:5])
    return f"{shown}, …" if len(names) > 5 else shown


def _check_signature(store: Store) -> str:
    if not store.webhook_secrets():
        raise NotInPlace(
            "No client secret (API secret key of the app) is stored, so no webhook of this store can be verified: "
            "all are refused. Enter it."
        )
    return "Deliveries are verified with the stored secret."
