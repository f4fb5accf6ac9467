"""As many rows of every kind as a test of the console asks for, most of them hanging on one connection and one item."""

from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from stores.models import (
    CatalogueSettings,
    ConfigurationChange,
    Connection,
    CurrencyRate,
    LocationMapping,
    MatchDecision,
    ProductLink,
    ResourceLink,
    Store,
    SyncSwitch,
)
from syncing.models import (
    Alert,
    AlertChannel,
    AlertMessage,
    CatalogueRun,
    CatalogueRunItem,
    Cluster,
    PrivacyRequest,
    StockHold,
)
from tests.support.console.orders import make_failed, make_line, make_order_rows, make_update
from tests.support.console.rows import (
    Rows,
    make_adjustment,
    make_event,
    make_hold,
    make_job,
    make_level,
    make_link,
    make_location,
    make_observation,
    make_reconciliation,
    make_stock_link,
    make_store,
)


class Crowd:
    """One row of every kind, by label in `rows`; `grow` adds more, many of which belong to these."""

    def __init__(self) -> None:
        self.made = made = make_order_rows()
        self.count = 0
        self.order, self.report = make_failed(made.connection), make_reconciliation(made.connection)
        self.run = _make_run(made.connection)
        settings = CatalogueSettings.objects.create(connection=made.connection)
        hold = make_hold(made.stock_link)
        decision = _make_decision(made)
        rows = [made.source, made.connection, made.link, made.stock_link, settings, hold, hold.cause, decision]
        rows += [self.order, self.report, self.run, SyncSwitch.load(), make_update(self.order)]
        rows += [make_event(made.source), make_job(made.connection), _make_channel(made, "Desk")]
        rows += [_make_person("anna"), Group.objects.create(name="Warehouse")]
        self.grow(1)
        adjustment = made.stock_link.adjustments.get()
        rows += [adjustment, adjustment.batch, *map(_first, (ProductLink, ResourceLink, CatalogueRunItem, Alert))]
        rows += map(_first, (CurrencyRate, PrivacyRequest, ConfigurationChange, Cluster))
        self.rows: dict[str, Model] = {row._meta.label_lower: row for row in rows}

    def grow(self, count: int) -> None:
        """Make it so many of each kind, besides those that it began with."""
        for number in range(self.count, count):
            _make_map(self.made, number)
            _make_stock(self.made, number, self.report)
            _make_order(self.made, number, self.order)
            _make_catalogue(self.made, number, self.run)
            _make_rest(self.made, number)
        self.count = count
        with connection.cursor() as cursor:
            # A test before this one may have emptied tables that were vacuumed since: planned for no rows at all, a
            # list joins whatever there is with everything else, row by row, for minutes.
            cursor.execute("ANALYZE")


def _first(model: type[Model]) -> Model:
    return model._default_manager.order_by("pk").first()


def _make_decision(rows: Rows) -> MatchDecision:
    decision = MatchDecision.objects.create(kind="ignore", made_by=User.objects.first())
    decision.rows.create(link=rows.link, before_state="unmatched", after_state="ignored")
    return decision


def _make_map(rows: Rows, number: int) -> None:
    """Another destination with a connection and a link of its own; another mapped location of the first one."""
    store = make_store(f"Store {number}", Store.Role.DESTINATION)
    connection = Connection.objects.create(source=rows.source, destination=store, state=Connection.State.RUNNING)
    mapping = LocationMapping.objects.create(
        connection=rows.connection,
        source_location=make_location(rows.source, f"Hall {number}"),
        destination_location=make_location(rows.destination, f"Hall {number}"),
    )
    pair = rows.link.stock_links.create(
        connection=rows.connection,
        mapping=mapping,
        source_level=make_level(rows.link.source_variant, mapping.source_location, 7),
        destination_level=make_level(rows.link.destination_variant, mapping.destination_location, 7),
    )
    make_observation(pair.source_level, 5, 7, event=make_event(store, f"observed-{number}"))
    link = make_link(connection, f"Lamp {number}", f"LAMP-{number}", is_linked=False, state="ambiguous")
    link.candidates.add(rows.link.destination_variant)
    rows.link.candidates.add(link.source_variant)
    CatalogueSettings.objects.create(connection=connection)


def _make_stock(rows: Rows, number: int, report: Model) -> None:
    link = make_link(rows.connection, f"Sock {number}", f"SOCK-A-{number}")
    pair = make_stock_link(link, rows.mapping, 5, 5)
    make_hold(pair, reconciliation=report)
    make_hold(
        rows.stock_link,
        state=StockHold.State.RELEASED,
        resolved_at=timezone.now(),
        resolved_by=_make_person(f"p{number}"),
    )
    make_adjustment(pair, 3, 5, reconciliation=report, cause="reconciliation")
    make_adjustment(rows.stock_link, 3, 5, reconciliation=report, cause="reconciliation")
    make_adjustment(pair, 1, 3, cause="alignment")
    make_reconciliation(rows.connection)


def _make_order(rows: Rows, number: int, order: Model) -> None:
    make_line(order, f"Sock {number}", source_variant=rows.link.source_variant)
    make_update(order)
    make_line(make_failed(rows.connection, 2000 + number), source_variant=rows.link.source_variant)


def _make_run(connection: Connection) -> CatalogueRun:
    return CatalogueRun.objects.create(connection=connection, kind="all", state="finished", requested_by=None)


def _make_catalogue(rows: Rows, number: int, run: CatalogueRun) -> None:
    gid = f"gid://shopify/Product/{number + 500}"
    difference = {"field": "title", "wanted": "a", "current": "b", "policy": "sync", "action": "write"}
    CatalogueRunItem.objects.create(run=run, source_gid=gid, action="update", differences=[difference])
    own = {"connection": rows.connection, "source_gid": gid, "title": f"Sock {number}", "state": "failed"}
    ProductLink.objects.create(**own)
    ResourceLink.objects.create(**own, kind="page")
    _make_run(rows.connection)
    CurrencyRate.objects.create(
        base="EUR", quote="SEK", rate="11", valid_from=timezone.now().date() - timedelta(days=number)
    )


def _make_rest(rows: Rows, number: int) -> None:
    make_event(rows.destination, f"delivery-{number}-b")
    make_job(rows.connection, subject=f"connection {number}", store=rows.source)
    PrivacyRequest.objects.create(store=rows.source, kind="data", customer_id=number, due_at=timezone.now())
    now = timezone.now()
    alert = Alert.objects.create(
        kind="held", subject=f"hold {number}", message="Held.", opened_at=now, seen_at=now, connection=rows.connection
    )
    channel = _make_channel(rows, f"Channel {number}")
    for each in (channel, AlertChannel.objects.get(name="Desk")):
        AlertMessage.objects.create(
            channel=each, purpose="problems", title="Held.", text="", created_at=now
        ).alerts.add(alert)
    Cluster.objects.create(host="sync-1", process=number, worker_count=2, beat_at=now)
    Group.objects.create(name=f"Group {number}")
    _make_decision(rows)
    for row in (rows.link, rows.connection):
        LogEntry.objects.create(
            user=User.objects.get(username="anna"),
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row),
            action_flag=CHANGE,
        )


def _make_channel(rows: Rows, name: str) -> AlertChannel:
    channel = AlertChannel.objects.create(name=name, addresses="desk@example.com")
    channel.stores.add(rows.source)
    return channel


def _make_person(name: str) -> User:
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get_or_create(name="Everybody")[0])
    return person
