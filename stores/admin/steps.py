"""What to do next: the steps from an empty database to a started connection, done or not."""

from dataclasses import dataclass
from typing import Any

from stores.admin import look
from stores.models import Connection, Store, VariantLink


@dataclass(frozen=True)
class Step:
    """One step, whether it is done, and what to do if it is not."""

    is_done: bool
    label: str
    how: Any = ""


def next_steps(connection: Connection) -> list[Step]:
    """The steps of a connection until it is started; none once it is."""
    if connection.state == Connection.State.RUNNING:
        return []
    steps = [_store_step(store) for store in (connection.source, connection.destination)]
    if connection.state in (Connection.State.PENDING, Connection.State.REJECTED):
        steps.append(Step(False, "Get it approved", "Somebody with the permission presses “Approve” on this page."))
    links = connection.links.filter(state=VariantLink.State.LINKED).exists()
    return [
        *steps,
        Step(connection.mappings.exists(), "Map its locations", "Press “Propose by name”, or add rows at the bottom."),
        Step(links, "Match the catalogues", "Press “Match now”; then look at what is unmatched or ambiguous."),
        Step(False, "Preview", "Press “Preview” to see every quantity that would change."),
        Step(False, "Start", "Press “Start”: from then on stock is kept in step."),
    ]


def _store_step(store: Store) -> Step:
    how = look.joined(["Press “Check store” on the page of", look.page_of(store)])
    return Step(store.status == Store.Status.READY, f"Check {store}", how)


def first_steps(user: Any) -> list[Step]:
    """The steps of an empty database, for the dashboard; none once a connection has been started."""
    if Connection.objects.filter(state=Connection.State.RUNNING).exists():
        return []
    roles = set(Store.objects.values_list("role", flat=True))
    connection = Connection.objects.select_related("source", "destination").first()
    unchecked = Store.objects.exclude(status=Store.Status.READY).first()
    add_store = look.anchor(f"{look.list_url(Store)}add/", "Add a store")
    add_connection = look.anchor(f"{look.list_url(Connection)}add/", "Add a connection")
    can_add = user.has_perm("stores.add_store")
    return [
        Step(Store.Role.SOURCE in roles, "Add the source store", add_store if can_add else ""),
        Step(Store.Role.DESTINATION in roles, "Add a destination store", add_store if can_add else ""),
        Step(
            bool(roles) and unchecked is None,
            "Check each store",
            look.joined(["Open", look.page_of(unchecked), "and press “Check store”."]) if unchecked else "",
        ),
        Step(connection is not None, "Connect the two", add_connection if len(roles) == 2 else ""),
        Step(
            False,
            "Map locations, match, preview, start",
            look.joined(["The page of", look.page_of(connection), "leads through it."]) if connection else "",
        ),
    ]
