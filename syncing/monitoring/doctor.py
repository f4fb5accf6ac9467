"""Looks at everything that must be right for the product to work; each finding says what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import requests
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as db
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError
from django.utils import timezone
from django_q.models import Schedule

from stores import history, locks, onboarding, roles
from stores.models import Store
from stores.models.fields import EncryptedTextField, is_encrypted_with_first_key
from syncing.models import AlertChannel, Heartbeat
from syncing.monitoring import service_problems, service_status
from syncing.monitoring.data_problems import CLOCKS_APART, words_of_clock
from syncing.queue import broker, fitness, heartbeats, watchdog
from syncing.upkeep import store_check

GOOD, WARNING, WRONG = "good", "warning", "wrong"
LEAST_POSTGRESQL_VERSION = 15
MOST_SKEW = timedelta(seconds=5)
TIMEOUT_SECONDS = 10
SOON = timedelta(days=14)  # before an app must be installed again


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands (GOOD, WARNING or WRONG), what was found, and what to do about it."""

    subject: str
    grade: str
    words: str
    advice: str = ""


def examine(*, is_live: bool = False) -> Iterator[Finding]:
    """Look at everything, in the order in which one thing builds on another.

    Ends early where nothing further can work. `is_live` also asks Shopify: each store is checked and repaired.
    """
    yield from _settings()
    for check in (_database, _migrations, _keys):
        findings = list(check())
        yield from findings
        if any(finding.grade == WRONG for finding in findings):
            return
    for check in (_database_log, _release, _people, _workers, _notifications, _address, _alerts):
        yield from check()
    yield from _stores(is_live)
    yield from _problems()


# Settings of PostgreSQL, and with which values its log holds nothing of what stands in our rows; the first is proposed.
PRIVATE_LOG = {"log_min_error_statement": ("panic", "fatal", "log"), "log_error_verbosity": ("terse",)}
STATEMENT_LOG = {"log_statement": "none", "log_min_duration_statement": "-1"}


def _settings() -> Iterator[Finding]:
    found = checks.run_checks(include_deployment_checks=not settings.DEBUG)
    for message in found:
        grade = WRONG if message.is_serious() else WARNING
        yield Finding("settings", grade, f"{message.msg} ({message.id})", message.hint or "")
    if not found:
        yield Finding("settings", GOOD, "no complaints")
    if settings.DEBUG:
        yield Finding("settings", WARNING, "DEBUG is on", "Never in production: leave DEBUG out.")


def _database() -> Iterator[Finding]:
    advice = "Is DATABASE_URL right, does the server run, may we reach it?"
    try:
        with db.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int / 10000, clock_timestamp()")
            version, at = cursor.fetchone()
        is_sound = locks.are_kept()
    except DatabaseError as error:
        yield Finding("database", WRONG, f"it cannot be used: {type(error).__name__}", advice)
        return
    if version < LEAST_POSTGRESQL_VERSION:
        yield Finding(
            "database", WRONG, f"PostgreSQL {version} is too old", f"Use {LEAST_POSTGRESQL_VERSION} or newer."
        )
    elif not is_sound:
        yield Finding("database", WRONG, locks.NOT_KEPT, locks.KEEP_THEM)
    else:
        yield Finding("database", GOOD, f"PostgreSQL {version}")
    yield from _writes()
    if abs(timezone.now() - at) > MOST_SKEW:
        yield Finding(
            "clock", WARNING, f"this machine is {abs(timezone.now() - at)} off the database's", "Have both set by NTP."
        )


# What to do where the database takes no changes, by PostgreSQL's code. Meanwhile webhooks are answered with 503, and
# come again for 4 hours; workers go on by themselves.
UNWRITABLE = {
    "25006": (
        "it is read-only",
        "Let DATABASE_URL lead to the primary, and have its default_transaction_read_only off.",
    ),
    "53100": (
        "its disk is full",
        "Make room on PostgreSQL's disk, never by deleting its files: a larger disk, or an end to old WAL, which a "
        "replication slot or a failing archive_command keeps.",
    ),
}


def _writes() -> Iterator[Finding]:
    """Whether it takes a row, which is taken back."""
    try:
        with transaction.atomic():
            Heartbeat.objects.create(name="doctor", beat_at=timezone.now())
            transaction.set_rollback(True)
    except DatabaseError as error:
        code = getattr(error.__cause__, "sqlstate", "")
        words, advice = UNWRITABLE.get(code, (f"it takes no row: {type(error).__name__}", "Its log says why."))
        yield Finding("database", WRONG, words, advice)


def _database_log() -> Iterator[Finding]:
    """What PostgreSQL would write of customers into a log of its own, which nobody forgets them in."""
    with db.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*PRIVATE_LOG, *STATEMENT_LOG]])
        found = dict(cursor.fetchall())
    leaking = [name for name, safe in PRIVATE_LOG.items() if found.get(name) not in safe]
    leaking += [name for name, safe in STATEMENT_LOG.items() if found.get(name, safe) != safe]
    if not leaking:
        yield Finding("database log", GOOD, "no statement and no row gets into it")
        return
    wanted = {name: values[0] for name, values in PRIVATE_LOG.items()} | STATEMENT_LOG
    advice = "Set on the server: " + ", ".join(f"{name} = {wanted[name]}" for name in leaking)
    words = f"PostgreSQL's log gets what statements contain, customers' data among it ({', '.join(leaking)})"
    yield Finding("database log", WARNING, words, advice)


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(db)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield Finding("migrations", WRONG, f"{len(plan)} are not applied", "python manage.py migrate")
    else:
        yield Finding("migrations", GOOD, "all applied")


def _release() -> Iterator[Finding]:
    """What each release sets besides the migrations."""
    missing = set(watchdog.SCHEDULES) - set(Schedule.objects.exclude(repeats=0).values_list("name", flat=True))
    if missing:
        words = f"not scheduled: {', '.join(sorted(missing))}"
        yield Finding("schedules", WRONG, words, "python manage.py upsert_schedules")
    else:
        yield Finding("schedules", GOOD, "declared")
    wanted = roles.declared()
    present = {group.name: group.permissions.count() for group in Group.objects.filter(name__in=wanted)}
    triggers = history.count_triggers() == len(history.WATCHED)
    if present != {name: len(permissions) for name, permissions in wanted.items()} or not triggers:
        yield Finding("roles and history", WRONG, "not as declared", "python manage.py upsert_roles")
    else:
        yield Finding("roles and history", GOOD, "as declared")


def _keys() -> Iterator[Finding]:
    old = unreadable = 0
    for model in apps.get_models():
        columns = [field for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
        for column in columns:
            for value in _stored(model._meta.db_table, str(column.column)):
                try:
                    old += not is_encrypted_with_first_key(value)
                except ImproperlyConfigured:
                    unreadable += 1
    if unreadable:
        advice = "Put the key that was used before back into CREDENTIAL_KEYS, behind the current one."
        yield Finding("credentials", WRONG, f"{unreadable} cannot be decrypted", advice)
    elif old:
        yield Finding("credentials", WARNING, f"{old} are encrypted with an older key", "python manage.py rotate_keys")
    else:
        yield Finding("credentials", GOOD, "all can be decrypted, with the first key")


def _stored(table: str, column: str) -> list[str]:
    with db.cursor() as cursor:
        name = db.ops.quote_name(column)
        cursor.execute(f"SELECT {name} FROM {db.ops.quote_name(table)} WHERE {name} <> ''")
        return [value for (value,) in cursor.fetchall()]


def _people() -> Iterator[Finding]:
    if User.objects.filter(is_superuser=True, is_active=True).exists():
        yield Finding("people", GOOD, "somebody may do everything")
    else:
        yield Finding("people", WRONG, "no superuser exists", "python manage.py createsuperuser")


def _workers() -> Iterator[Finding]:
    at = Heartbeat.objects.filter(name=heartbeats.QUEUE).values_list("beat_at", flat=True).first()
    if at is None or timezone.now() - at > heartbeats.scheduled()[heartbeats.QUEUE]:
        last = f"last seen at {at:%Y-%m-%d %H:%M} UTC" if at else "never seen"
        yield Finding("workers", WRONG, f"none is alive, {last}", "Start one: python manage.py work")
    else:
        yield Finding("workers", GOOD, "alive")
    if old := sorted(
        {cluster.host for cluster in service_status.alive_clusters().filter(rules__lt=fitness.RULES_VERSION)}
    ):
        words = f"those of an earlier release run on {', '.join(old)}, and do nothing"
        yield Finding("workers", WARNING, words, "Stop them, and start this release's there.")


def _notifications() -> Iterator[Finding]:
    """Whether the database wakes the workers, or they have to ask it."""
    try:
        is_notified = broker.receives_notifications()
    except DatabaseError:
        is_notified = False
    if is_notified:
        yield Finding("wake-ups", GOOD, "the database tells the workers")
        return
    words = f"PostgreSQL's notifications do not arrive, so workers ask every {settings.Q_CLUSTER['poll']:g} s"
    advice = "Nothing is lost, but all is later. A pooler in between must pool sessions, not transactions."
    yield Finding("wake-ups", WARNING, words, advice)


def _address() -> Iterator[Finding]:
    url = f"{settings.PUBLIC_URL}/healthz"
    advice = "Does the web process run, does the proxy pass requests on, does the name lead here?"
    try:
        answer = requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        yield Finding("address", WRONG, f"{url} cannot be reached: {type(error).__name__}", advice)
        return
    if answer.status_code == 200 and answer.text == "OK":
        yield Finding("address", GOOD, f"{settings.PUBLIC_URL} leads here")
    else:
        yield Finding("address", WRONG, f"{url} answered {answer.status_code}", advice)


def _alerts() -> Iterator[Finding]:
    if AlertChannel.objects.filter(is_active=True).exists():
        yield Finding("alerts", GOOD, "somebody is told")
    else:
        yield Finding("alerts", WARNING, "nobody is told of problems", "Add a channel under “Alert channels”.")


def _stores(is_live: bool) -> Iterator[Finding]:
    for store in Store.objects.filter(is_paused=True, auth=Store.Auth.INSTALLED):
        yield from _access(store)  # nothing is asked of it, so its access grows old
    for store in Store.objects.filter(is_paused=False):
        if is_live:
            store_check.check_store(store)
            store.refresh_from_db()
        yield from _clock(store)
        yield from _access(store)
        if store.status == Store.Status.READY:
            yield Finding(f"store {store.domain}", GOOD, "ready")
            for row in store.check_report:
                if advice := row.get("advice"):
                    yield Finding(f"store {store.domain}", WARNING, f"{row['name']}: {row['message']}", advice)
        else:
            words = f"{store.get_status_display().lower()}: {store.status_reason}".rstrip(": ")
            yield Finding(f"store {store.domain}", WRONG, words, "Put that right, then press “Check store”.")


def _access(store: Store) -> Iterator[Finding]:
    """When the token ends, and what it is renewed with."""
    subject, advice, grade = f"access to {store.domain}", "", GOOD
    if store.auth == Store.Auth.INSTALLED:
        words = onboarding.words_of_access(store)
        ends = store.refresh_expires_at
        if store.is_connected and ends and ends - timezone.now() < SOON:
            grade, advice = WARNING, "Resume the store, and press “Check store”: that renews it."
    elif store.token_expires_at:
        words = f"the token ends at {store.token_expires_at:%Y-%m-%d %H:%M} UTC, and is renewed by itself"
    else:
        return
    yield Finding(subject, grade, words, advice)


def _clock(store: Store) -> Iterator[Finding]:
    """How far our clock and the store's were apart at its last answer."""
    if store.answered_at is None:
        return
    is_apart = abs(store.clock_difference) > CLOCKS_APART
    advice = "Have this machine, and the others of tiposync, set by NTP." if is_apart else ""
    yield Finding(f"clock of {store.domain}", WARNING if is_apart else GOOD, words_of_clock(store), advice)


def _problems() -> Iterator[Finding]:
    Kind = service_problems.Kind
    known = {Kind.STORE_ATTENTION, Kind.STORE_DISCONNECTED, Kind.CLOCK}
    for problem in service_problems.find():
        if problem.kind not in known and (problem.kind, problem.subject) != (Kind.HEARTBEAT_MISSED, heartbeats.QUEUE):
            advice = f"Look at {settings.PUBLIC_URL}{problem.path}" if problem.path else "See docs/guide."
            yield Finding(service_problems.Kind(problem.kind).label.lower(), WARNING, problem.message, advice)
