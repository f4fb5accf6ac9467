"""How everything stands, for people and for monitoring."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from stores.models import Connection, Store, SyncSwitch
from syncing.models import SyncJob
from syncing.monitoring import service_status
from syncing.monitoring.connection_status import STUCK_AFTER, connection_statuses, is_old, needs_attention
from tiposync.console.management.command import OperatorCommand

EXPLANATION = """\
Shows the stores, the connections with their quantities and links, the queue, and what needs somebody's attention.

--json prints one object: {"at", "switch", "stores", "connections", "queue", "problems"}; instants are ISO 8601 in UTC.

What needs attention: a store that is not ready, all syncing stopped, workers that show no sign of life, failed jobs,
quantities that need review or are oversold, orders that failed or wait for links, work or webhooks that wait for
more than five minutes, a reconciliation that is overdue.
A pause is somebody's decision and needs none; neither do unmatched variants, which are only counted.

Example, for a monitor:
  manage.py sync_status --check > /dev/null

Exit codes: 0 shown; with --check 1 when something needs attention (each is named on standard error); 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--check", action="store_true", help="exit with 1 when something needs attention")

    def handle(self, *args: Any, **options: Any) -> None:
        status = read_status()
        if options["json"]:
            self.stdout.write(json.dumps(status, cls=DjangoJSONEncoder, indent=2))
        else:
            for line in lines_of(status):
                self.stdout.write(line)
        if options["check"] and status["problems"]:
            raise CommandError("\n".join(status["problems"]), returncode=1)


def read_status() -> dict[str, Any]:
    """Everything that is shown, and the problems in words."""
    switch = SyncSwitch.load()
    rows = Connection.objects.select_related("source", "destination")
    statuses = connection_statuses(rows, is_exact=True)
    connections = [statuses[row.pk] | {"number": row.pk, "name": str(row)} for row in rows]
    status: dict[str, Any] = {
        "at": timezone.now(),
        "switch": {"is_stopped": switch.is_stopped, "reason": switch.reason},
        "stores": [_store(store) for store in Store.objects.all()],
        "connections": connections,
        "queue": _queue(),
    }
    problems = [f"{switch}: {switch.reason or 'no reason was given'}"] if switch.is_stopped else []
    for store in status["stores"]:
        problems += _problems_of_store(store)
    for connection in connections:
        problems += [f"{connection['name']}: {problem}" for _, problem in needs_attention(connection)]
    return status | {"problems": problems + _problems_of_queue(status["queue"])}


def _store(store: Store) -> dict[str, Any]:
    return {
        "domain": store.domain,
        "name": str(store),
        "role": store.role,
        "status": store.status,
        "reason": store.status_reason,
        "is_paused": store.is_paused,
        "checked_at": store.checked_at,
    }


def _queue() -> dict[str, Any]:
    queue = service_status.read_queue()
    failed = SyncJob.objects.filter(state=SyncJob.State.FAILED, connection=None).order_by()
    names = ("heartbeat_at", "workers", "queued_jobs", "running_jobs", "failed_jobs")
    return {name: queue[name] for name in names} | {
        "failed_store_jobs": list(failed.values("kind", "store__domain", "message")[:20]),
        "oldest_due_at": queue["oldest_due_at"],
        "waiting_events": queue["waiting_events"],
        "oldest_event_at": queue["oldest_event_at"],
    }


def _problems_of_store(store: dict[str, Any]) -> list[str]:
    words = {
        Store.Status.NEW: "was not checked yet.",
        Store.Status.ATTENTION: "needs attention.",
        Store.Status.DISCONNECTED: "is disconnected.",
    }
    if store["is_paused"] or store["status"] not in words:
        return []
    return [f"{store['name']} {words[store['status']]} {store['reason']}".strip()]


def _problems_of_queue(queue: dict[str, Any]) -> list[str]:
    problems = []
    if queue["heartbeat_at"] is None:
        problems.append("No worker has ever run. Start one: see Procfile.")
    elif is_old(queue["heartbeat_at"], service_status.silence()):
        problems.append(f"No worker has shown a sign of life since {queue['heartbeat_at']:%Y-%m-%d %H:%M:%S} UTC.")
    if is_old(queue["oldest_due_at"], STUCK_AFTER):
        problems.append(f"Work has been due since {queue['oldest_due_at']:%Y-%m-%d %H:%M} UTC and nobody does it.")
    if is_old(queue["oldest_event_at"], STUCK_AFTER):
        problems.append(f"Webhooks have waited since {queue['oldest_event_at']:%Y-%m-%d %H:%M} UTC.")
    for job in queue["failed_store_jobs"]:
        label = SyncJob.Kind(job["kind"]).label
        problems.append(
            f"{label}{' of ' + job['store__domain'] if job['store__domain'] else ''} failed: {job['message']}"
        )
    return problems


def lines_of(status: dict[str, Any]) -> list[str]:
    """For people: a line for each store and connection, then what needs attention."""
    lines = ["Stores:" if status["stores"] else "No stores yet: add one with add_store."]
    for store in status["stores"]:
        paused = ", paused" if store["is_paused"] else ""
        lines.append(f"  {store['domain']} ({store['role']}): {Store.Status(store['status']).label.lower()}{paused}")
    if status["stores"]:
        lines.append("Connections:" if status["connections"] else "No connections yet: make one with connect_stores.")
    for connection in status["connections"]:
        lines += _lines_of_connection(connection)
    queue = status["queue"]
    lines.append(
        f"Queue: {queue['queued_jobs']} queued, {queue['running_jobs']} running, {queue['failed_jobs']} failed; "
        f"{queue['waiting_events']} webhooks waiting"
    )
    lines.append("Needs attention:" if status["problems"] else "Nothing needs attention.")
    return lines + [f"  {problem}" for problem in status["problems"]]


def _lines_of_connection(connection: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in connection["links"].items())
    state = connection["inert_reason"] or ("synced" if connection["is_in_step"] else "being synced")
    orders = connection["orders"]
    lines = [
        f"  {connection['connection']} ({connection['strategy']}): {state}",
        f"    quantities: {connection['in_step']} of {connection['pairs']} synced, {connection['out_of_step']} out of "
        f"sync, {connection['held']} to be reviewed, {connection['skipped']} skipped; variants: {counts}",
    ]
    if connection["carries_orders"] or orders["unfinished"]:
        waiting = sum(orders[f"waiting_for_{each}"] for each in ("links", "payment", "review"))
        lines.append(
            f"    orders not imported: {orders['unfinished']}, of these {waiting} waiting, {orders['failed']} failed"
        )
    return lines
