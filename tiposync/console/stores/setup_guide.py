"""The guide of the first use: the steps from an empty database to a started connection, and which one is next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from stores import installing
from stores.models import Connection, Store, VariantLink
from stores.shopify.shops import REQUIRED_SCOPES, missing_scopes
from syncing.models import SyncJob
from tiposync.console.kit import markup
from tiposync.console.kit.reach import within

DEV_DASHBOARD = "https://dev.shopify.com/dashboard"
PREVIEWED = "Previewed"  # how the line in a connection's history begins that says that somebody looked
STOCK = ("links", "stock")
Kind, UNFINISHED = SyncJob.Kind, (SyncJob.State.QUEUED, SyncJob.State.RUNNING)
GUIDED = (Kind.CHECK_STORE, Kind.MATCH_CONNECTION, Kind.START_CONNECTION)


@dataclass(frozen=True)
class Step:
    """One step: whether it is done, or being done just now; if not, how it is done and what to press.

    `where` are lines that say where in Shopify to find what the step needs. What to press is a link (`url`, `button`)
    or the operation of that name on the connection's page.
    """

    label: str
    is_done: bool
    how: Any = ""
    url: str = ""
    button: str = ""
    where: tuple[Any, ...] = ()
    operation: Any = ""
    is_busy: bool = False
    is_next: bool = False


def with_next(steps: Iterable[Step]) -> list[Step]:
    """The steps, the first one that is not done marked as next."""
    found = list(steps)
    number = next((number for number, step in enumerate(found) if not step.is_done), None)
    return [replace(step, is_next=position == number) for position, step in enumerate(found)]


def next_step(steps: list[Step]) -> Step | None:
    """The step that is next, if any is left."""
    return next((step for step in steps if step.is_next), None)


def first_steps(user: Any) -> list[Step]:
    """The steps of an empty database, for the dashboard; none once a connection has been started."""
    if within(Connection.objects.filter(state=Connection.State.RUNNING)).exists():
        return []
    connection = within(Connection.objects.select_related("source", "destination")).first()
    steps = [*_store_steps(user), _connect_step(user, connection)]
    if connection is None:
        later = ("Map the locations", "Match the products", "Look at the preview", "Start")
        return with_next([*steps, *(Step(label, False) for label in later)])
    page = reverse("admin:stores_connection_change", args=[connection.pk])
    own = [replace(step, operation="", url=page, button="Open the connection") for step in _own_steps(connection)]
    return with_next([*steps, *own])


def next_steps(connection: Connection, buttons: Callable[[], dict[str, dict]]) -> list[Step]:
    """The steps of a connection until it is started, with those `buttons` of its page that they need; then none.

    The buttons are asked for while there are steps: which are offered costs some queries.
    """
    if connection.state in (Connection.State.RUNNING, Connection.State.ENDED):
        return []
    stores = [_check_step([connection.source]), _check_step([connection.destination])]
    steps = with_next([*stores, *_own_steps(connection)])
    found = buttons()
    return [replace(step, operation=found.get(step.operation, "")) for step in steps]


def is_working(*about: Q) -> bool:
    """Whether workers are at a step now; with conditions, at one whose job is `about` that."""
    return within(SyncJob.objects.filter(*about, kind__in=GUIDED, state__in=UNFINISHED)).exists()


def app_lines() -> tuple[Any, ...]:
    """Where in Shopify an app is made, what it needs, and where its credentials stand."""
    redirect = installing.redirect_url() or "(first set PUBLIC_URL)"
    return (
        markup.joined(["In the",
                       markup.outside(DEV_DASHBOARD, "Dev Dashboard"), "press “Create app”. One app does for all "
                     "stores of your organisation."]),
        markup.joined(["Under “Versions” enter these scopes and press “Release”:",
                     _scopes(missing_scopes((), STOCK))]),
        markup.joined(["They do for stock. For orders and products as well:",
                     _scopes(missing_scopes((), REQUIRED_SCOPES))]),
        "On the app's “Home” press “Install app”, once for each store.",
        "Under “Settings” stand its client id and secret: you paste them here for each store.",
        markup.joined(["A store of another organisation needs an app whose “Distribution” is “Custom”, for that store. "
                       "Under “Versions” tick “Use legacy install flow” and enter this among the redirect URLs:",
                       markup.to_copy(redirect), "Here choose “Install from Shopify”, save, and press “Connect”."]),
    )  # fmt: skip


def _scopes(names: Iterable[str]) -> SafeString:
    """Scopes as Shopify's field takes them. Lines break at a comma, without a character that would be copied, too."""
    return markup.to_copy(format_html_join(mark_safe(",<wbr>"), "{}", ((name,) for name in sorted(names))))


def _store_steps(user: Any) -> list[Step]:
    stores = list(within(Store.objects.all()))
    roles = {store.role for store in stores}
    add = reverse("admin:stores_store_add") if user.has_perm("stores.add_store") else ""
    domain = "Its domain ends in .myshopify.com. In Shopify's admin of the store it stands under Settings, Domains."
    return [
        Step(
            "Make an app at Shopify",
            bool(stores),
            "It is what lets tiposync read and write your stores. If you have its client id and secret, go on.",
            f"{add}?role=source" if add else "",
            "I have an app",
            app_lines(),
        ),
        Step(
            "Add the source store",
            Store.Role.SOURCE in roles,
            "The store that controls: the others follow its stock.",
            f"{add}?role=source" if add else "",
            "Add the source store",
            (domain,),
        ),
        Step(
            "Add a destination store",
            Store.Role.DESTINATION in roles,
            "A store that follows. You can add more of them later.",
            f"{add}?role=destination" if add else "",
            "Add a destination store",
            (domain,),
        ),
        _check_step(stores, needs=2),
    ]


def _check_step(stores: list[Store], needs: int = 1) -> Step:
    """Whether all of them are ready, and which one is not."""
    label = f"Check {stores[0]}" if needs == 1 else "Check both stores"
    unready = next((store for store in stores if store.status != Store.Status.READY), None)
    if unready is None:
        return Step(label, len(stores) >= needs, "Happens by itself when a store is added.")
    url = reverse("admin:stores_store_change", args=[unready.pk])
    if SyncJob.objects.filter(kind=Kind.CHECK_STORE, store=unready, state__in=UNFINISHED).exists():
        return Step(label, False, f"Shopify is being asked about {unready} …", is_busy=True)
    if not unready.is_connected:
        how = f"{unready} is not connected yet: on its page press “Connect”, and on Shopify's page “Install”."
        return Step(label, False, how, url, f"Open {unready}")
    why = unready.status_reason or "It has not been checked yet."
    press = "" if "“Connect”" in why else " On its page, press “Check store”."
    return Step(label, False, f"{unready}: {why}{press}", url, f"Open {unready}")


def _connect_step(user: Any, connection: Connection | None) -> Step:
    url = reverse("admin:stores_connection_add") if user.has_perm("stores.add_connection") else ""
    how = "Choose what travels and how products are matched. Nothing is written to either store before “Start”."
    return Step("Connect them", connection is not None, how, url, "Connect them")


def _own_steps(connection: Connection) -> list[Step]:
    approval = []
    if connection.state in (Connection.State.PENDING, Connection.State.REJECTED):
        how = "The source accepts connections only when somebody with the permission approves them."
        approval = [Step("Get it approved", False, how, operation="approve")]
    return [
        *approval,
        _map_step(connection),
        _match_step(connection),
        _preview_step(connection),
        _start_step(connection),
    ]


def _map_step(connection: Connection) -> Step:
    how = (
        "Which location's stock shows where. Those of the same name are proposed; otherwise choose pairs at the bottom "
        "of the connection's page and press “Save”."
    )
    return Step("Map the locations", connection.mappings.exists(), how, operation="propose")


def _match_step(connection: Connection) -> Step:
    label, identifier = "Match the products", connection.get_identifier_display()
    job = _last_job(connection, Kind.MATCH_CONNECTION)
    if job and job.state in UNFINISHED:
        return Step(label, False, "The products of both stores are being read …", is_busy=True)
    is_done = connection.links.filter(state=VariantLink.State.LINKED).exists()
    how = f"Finds the partner of each variant in the other store, by: {identifier}."
    if job and job.state == SyncJob.State.FAILED:
        how = f"It did not work: {job.message}"
    elif connection.linked_at:
        how = f"Nothing has the same in both stores ({identifier}). Choose something else under “Match by”, or pick "
        how += "partners under “Variant matching”."
    return Step(label, is_done, how, operation="match")


def _preview_step(connection: Connection) -> Step:
    kind = ContentType.objects.get_for_model(Connection)
    looked = LogEntry.objects.filter(content_type=kind, object_id=connection.pk, change_message__startswith=PREVIEWED)
    how = "Shows every quantity that would change, read live. It writes nothing."
    return Step("Look at the preview", looked.exists(), how, operation="preview")


def _start_step(connection: Connection) -> Step:
    job = _last_job(connection, Kind.START_CONNECTION)
    if job and job.state in UNFINISHED:
        return Step("Start", False, "Starting: both stores are read, differing quantities are synced …", is_busy=True)
    how = "From then on stock is synced."
    if job and job.state == SyncJob.State.FAILED:
        how = f"It did not work: {job.message}"
    return Step("Start", False, how, operation="start")


def _last_job(connection: Connection, kind: str) -> SyncJob | None:
    return SyncJob.objects.filter(connection=connection, kind=kind).order_by("pk").last()
