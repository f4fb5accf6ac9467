"""Which rows somebody who is limited to some stores sees and acts on: decided here alone, for every model.

A store's rows are seen by who may see the store, those of a connection by who may see both of its ends. What is a
whole service's, or tells of people, is closed. Rows that are not seen are not there, whatever asks for them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet

from orders.models import OrderSettings
from stores.models import CatalogueSettings, Connection, DecidedMatch, LocationMapping, Store, StoreLimit
from syncing.models import StockHold

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Reach:
    """What a limited user sees: stores, and the connections between two of them."""

    user: int
    stores: frozenset[int]
    connections: frozenset[int]


@dataclass(frozen=True)
class Rule:
    """How rows of a model hang on stores: the paths to a store and to a connection, all of which must be seen.

    A path that leads nowhere counts as seen where another one leads somewhere.
    """

    stores: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()

    def condition(self, reach: Reach) -> Q:
        """The rows that are seen."""
        paths = dict.fromkeys(self.stores, reach.stores) | dict.fromkeys(self.connections, reach.connections)
        seen, somewhere = Q(), Q()
        for path, rows in paths.items():
            inside = Q(**{f"{path}__in": rows})
            seen &= inside | Q(**{f"{path}__isnull": True})
            somewhere |= inside
        return seen & somewhere


@dataclass(frozen=True)
class Changes(Rule):
    """The record of changes names rows by table and number: those of the stores and connections that are seen."""

    def condition(self, reach: Reach) -> Q:
        found = Q(table=Store._meta.db_table, row_id__in=[str(pk) for pk in reach.stores])
        found |= Q(table=Connection._meta.db_table, row_id__in=[str(pk) for pk in reach.connections])
        for model in (CatalogueSettings, OrderSettings, LocationMapping):
            rows = model._default_manager.filter(connection__in=reach.connections).values_list("pk", flat=True)
            found |= Q(table=model._meta.db_table, row_id__in=[str(pk) for pk in rows])
        return found


@dataclass(frozen=True)
class Reviews(Rule):
    """Reviews of one cause hang on several connections: seen is what has some of a connection that is seen."""

    def condition(self, reach: Reach) -> Q:
        return Q(pk__in=StockHold.objects.filter(connection__in=reach.connections).values("cause"))


@dataclass(frozen=True)
class Decisions(Rule):
    """A decision about matches may be about several connections: seen is what is about one that is seen."""

    def condition(self, reach: Reach) -> Q:
        return Q(pk__in=DecidedMatch.objects.filter(link__connection__in=reach.connections).values("decision"))


@dataclass(frozen=True)
class Service(Rule):
    """Of no store: seen by everybody, changed by those who see all stores."""

    def condition(self, reach: Reach) -> Q:
        return Q()


@dataclass(frozen=True)
class Closed(Rule):
    """Only for those who see all stores."""

    def condition(self, reach: Reach) -> Q:
        return Q(pk__in=[])


OF_STORE, OF_CONNECTION = Rule(stores=("store",)), Rule(connections=("connection",))
OF_EITHER, OF_ORDER = Rule(("store",), ("connection",)), Rule(connections=("order_import__connection",))
RULES: dict[str, Rule] = {
    "stores.store": Rule(stores=("pk",)),
    "stores.connection": Rule(connections=("pk",)),
    **dict.fromkeys(("stores.location", "stores.product", "stores.chosencollection", "stores.variant"), OF_STORE),
    **dict.fromkeys(("stores.storetrouble", "stores.cataloguefile"), OF_STORE),
    **dict.fromkeys(("syncing.recentchanges", "syncing.stockburst"), OF_STORE),
    "syncing.holdcause": Reviews(),
    "stores.matchdecision": Decisions(),
    "stores.decidedmatch": Rule(connections=("link__connection",)),
    "stores.filelink": Rule(stores=("source", "destination")),
    "stores.unpublished": Rule(stores=("destination",)),
    **dict.fromkeys(("stores.locationmapping", "stores.variantlink", "stores.productlink"), OF_CONNECTION),
    **dict.fromkeys(("stores.resourcelink", "stores.cataloguesettings", "orders.ordersettings"), OF_CONNECTION),
    "stores.configurationchange": Changes(),
    "stores.currencyrate": Service(),
    "stores.syncswitch": Service(),
    "stores.storelimit": Closed(),
    "orders.orderimport": OF_CONNECTION,
    "orders.orderimportline": OF_ORDER,
    "orders.orderupdate": OF_ORDER,
    "orders.ordersplit": Rule(stores=("destination",)),
    **dict.fromkeys(("syncing.stocklevel", "syncing.webhookevent"), OF_STORE),
    **dict.fromkeys(("syncing.stocklink", "syncing.stockhold", "syncing.reconciliation"), OF_CONNECTION),
    "syncing.cataloguerun": OF_CONNECTION,
    "syncing.cataloguerunitem": Rule(connections=("run__connection",)),
    "syncing.bulkoperation": Rule(connections=("run__connection",)),
    "syncing.rowcount": OF_CONNECTION,
    "syncing.bulkline": OF_CONNECTION,
    "syncing.stockobservation": Rule(stores=("level__store",)),
    **dict.fromkeys(("syncing.stockbatch", "syncing.syncjob", "syncing.alert"), OF_EITHER),
    "syncing.stockadjustment": Rule(("level__store",), ("connection",)),
    "syncing.cluster": Service(),
    # An answer about a customer, and a channel's mails, tell of all stores.
    **dict.fromkeys(("syncing.privacyrequest", "syncing.alertchannel", "syncing.alertmessage"), Closed()),
    **dict.fromkeys(("syncing.varianttexts", "syncing.producttexts", "syncing.runitemtexts"), Closed()),
    "syncing.changedtexts": Closed(),
    **dict.fromkeys(("syncing.heartbeat", "syncing.tally", "auth.user", "auth.group"), Closed()),
}
# What only those do who see all stores, besides what the rules close.
ALSO_CLOSED = ("stores.add_store", "stores.delete_store", "syncing.stop_everything")

_now: ContextVar[Reach | None] = ContextVar("reach", default=None)


def of(user: Any) -> Reach | None:
    """What this user sees; None for everything, as superusers do."""
    if user.is_superuser or not (limit := StoreLimit.objects.filter(user=user.pk).first()):
        return None
    stores = frozenset(limit.stores.values_list("pk", flat=True))
    connections = Connection.objects.filter(source__in=stores, destination__in=stores)
    return Reach(user.pk, stores, frozenset(connections.values_list("pk", flat=True)))


@contextmanager
def limited_to(reach: Reach | None) -> Iterator[None]:
    """Within the block rows are seen as far as `reach` goes."""
    token = _now.set(reach)
    try:
        yield
    finally:
        _now.reset(token)


def current() -> Reach | None:
    """How far whoever asks sees; None for everything, as commands and workers do."""
    return _now.get()


def within(rows: QuerySet[M]) -> QuerySet[M]:
    """Those of the rows that whoever asks sees. A model without a rule shows nobody anything who is limited."""
    reach = current()
    return rows if reach is None else rows.filter(RULES[rows.model._meta.label_lower].condition(reach))


def sees_connection(pk: int) -> bool:
    """Whether whoever asks sees this connection."""
    reach = current()
    return reach is None or pk in reach.connections


def may_act_on(row: Model) -> bool:
    """Whether whoever asks may act on a row that they see: on a store, if they see all that is connected with it."""
    reach = current()
    if reach is None or not isinstance(row, Store):
        return True
    own = Connection.objects.filter(Q(source=row) | Q(destination=row)).exclude(state=Connection.State.REMOVED)
    return not own.exclude(pk__in=reach.connections).exists()


class LimitBackend:
    """Takes from limited users the permissions whose pages are closed to them. Asked before the one that gives them."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Knows nobody."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Never grants. Raises PermissionDenied, which ends the asking."""
        reach = current()
        if reach is not None and reach.user == user_obj.pk and is_closed(perm):
            raise PermissionDenied
        return False


def is_closed(permission: str) -> bool:
    """Whether only those have this permission who see all stores."""
    app, _, codename = permission.partition(".")
    kind, _, model = codename.partition("_")
    rule = RULES.get(f"{app}.{model}")
    return permission in ALSO_CLOSED or isinstance(rule, Closed) or (isinstance(rule, Service) and kind != "view")
