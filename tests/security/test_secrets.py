"""No secret anywhere: after the product worked, failed and was looked at, all logs, pages and dumps are searched."""

import io
import json
import logging
import re

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection as db
from django.test import Client

from stores.models import Store
from syncing.models import AlertChannel, SyncJob, WebhookEvent
from syncing.monitoring import alerts
from syncing.queue import enqueue, jobs
from tests.simulator.state.shop import CLIENT_SECRET
from tests.support.console.press import page_of
from tiposync.logs import JsonFormatter

HOOK = "https://127.0.0.1:9/services/T0/B0/part-of-the-hook"
PREVIOUS = "shpss_the_previous_secret"


class Everything(logging.Handler):
    """Keeps each record twice: as it was given, and as production writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.given, self.written = io.StringIO(), io.StringIO()
        self.formatter = JsonFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.given.write(logging.Formatter().format(record) + "\n")
        self.written.write(self.formatter.format(record) + "\n")


@pytest.fixture
def logs():
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def worked(pair, logs, admin_client):
    """A world in which things were carried, failed, were checked, alerted and typed in; its secrets."""
    world = pair("two_way")
    source, north = world.places
    Store.objects.filter(pk=source.store.pk).update(previous_client_secret=PREVIOUS)
    AlertChannel.objects.create(name="Chat", kind="webhook", url=HOOK)
    source.buy()
    world.follow()
    for fields in ({"kind": "http", "status": 500}, {"kind": "http", "status": 401}, {"kind": "lost_answer"}):
        north.fault(**fields)
        source.buy()
        world.follow()
    for place in world.places:
        enqueue.check_store(place.store)
    alerts.watch()
    world.work()
    form = {
        "domain": "typed.myshopify.com",
        "role": "destination",
        "auth": "static_token",
        "access_token": "typed-token-1",
    }
    admin_client.post("/admin/stores/store/add/", form)
    return [CLIENT_SECRET, PREVIOUS, "part-of-the-hook", "typed-token-1", *tokens()]


def tokens() -> list[str]:
    return [store.access_token for store in Store.objects.all() if store.access_token]


def found(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


@pytest.mark.django_db(transaction=True)
def test_no_secret_is_in_any_log_page_or_dump(worked, logs, admin_client, client):
    assert len(set(worked)) >= 6 and all(len(secret) > 10 for secret in worked)
    assert "received" in logs.written.getvalue() and "carry_stock" in logs.written.getvalue()
    assert found(logs.given.getvalue(), worked) == []  # not even before redaction
    assert found(logs.written.getvalue(), worked) == []
    pages = "".join(all_pages(admin_client))
    assert "console-pill" in pages and found(pages, worked) == []
    assert found(whole_database(), worked) == []
    assert found(dump(), worked) == []
    status = io.StringIO()
    call_command("sync_status", "--json", stdout=status)
    assert found(status.getvalue() + client.get("/readyz").content.decode(), worked) == []


def all_pages(client: Client) -> list[str]:
    """Every list, the page and the history of each kind of row, and the page to add one."""
    pages = [client.get(url).content.decode() for url in ("/admin/", "/admin/two-factor/")]
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        pages.append(client.get(f"/admin/{name}/", follow=True).content.decode())
        for row in model._default_manager.all()[:5]:
            pages += [client.get(page_of(row, what), follow=True).content.decode() for what in ("change", "history")]
        pages.append(client.get(f"/admin/{name}/add/").content.decode())
    return pages


def whole_database() -> str:
    """All rows of all tables as text: what a dump of PostgreSQL contains."""
    text = []
    with db.cursor() as cursor:
        for table in db.introspection.table_names(cursor):
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {db.ops.quote_name(table)} t")
            text += [row for (row,) in cursor.fetchall()]
    return "\n".join(text)


def dump() -> str:
    written = io.StringIO()
    call_command("dumpdata", "stores", "syncing", "auth", stdout=written)
    return written.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_dump_can_be_read_back_with_its_secrets(tmp_path):
    store = Store.objects.create(
        domain="a.myshopify.com", role="source", client_id="a", client_secret="shpss_to_and_fro"
    )
    (tmp_path / "dump.json").write_text(dump())
    assert "shpss_to_and_fro" not in (tmp_path / "dump.json").read_text()
    assert re.search(r'"client_secret": "encrypted:gAAAA', (tmp_path / "dump.json").read_text())
    Store.objects.all().delete()
    call_command("loaddata", str(tmp_path / "dump.json"), verbosity=0)
    assert Store.objects.get(pk=store.pk).client_secret == "shpss_to_and_fro"
    assert json.loads((tmp_path / "dump.json").read_text())


@pytest.mark.django_db(transaction=True)
def test_a_failed_jobs_row_hides_a_secret_that_slipped_into_its_error():
    store = Store.objects.create(
        domain="a.myshopify.com", role="source", client_id="a", client_secret="shpss_slipped_1"
    )

    def fail(job: SyncJob) -> None:
        raise RuntimeError(f"it was {store.client_secret}")

    enqueue.check_store(store)
    assert jobs.run_due({SyncJob.Kind.CHECK_STORE: fail}, 5) == 1
    job = SyncJob.objects.get()
    assert "shpss_slipped_1" not in job.message + job.traceback and "RuntimeError" in job.traceback
    assert not WebhookEvent.objects.exists()
