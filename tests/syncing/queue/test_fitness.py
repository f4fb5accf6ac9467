"""Workers begin only where they may: not behind a pooler of transactions, not before or past their migrations."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError
from django.db import connection as db
from django.db.migrations.recorder import MigrationRecorder

from stores import locks
from syncing import tasks
from syncing.models import Cluster, Heartbeat, SyncJob
from syncing.monitoring import doctor
from syncing.queue import enqueue, fitness, heartbeats
from tests.support.console.press import list_of, look_at
from tests.support.servers.pooler import Pooler
from tests.tiposync.test_settings import ROOT
from tiposync.console.management.commands import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pooled(settings) -> Iterator[Callable[..., Pooler]]:
    """Has the ORM go through a pooler in transaction mode."""
    before, made = dict(db.settings_dict), []

    def build(**fields) -> Pooler:
        made.append(Pooler(settings.DATABASE_URL, **fields))
        db.close()
        db.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(made[0].port)}
        return made[0]

    yield build
    db.close()
    db.settings_dict |= before
    for one in made:
        one.close()


@pytest.mark.parametrize("fields", [{"size": 1}, {"size": 3}, {"size": 3, "is_round": True}], ids=str)
def test_a_pooler_that_gives_each_transaction_another_session_is_found_and_refused(pooled, fields):
    assert locks.are_kept()
    pooled(**fields)
    assert not locks.are_kept()
    (finding,) = doctor._database()
    assert finding.grade == doctor.WRONG and "pool_mode = session" in finding.advice
    assert "Workers do not start: a pooler" in fitness.why_unfit()
    with pytest.raises(CommandError, match="pool_mode = session"):
        work._refuse_pooler()


@pytest.mark.process
def test_workers_behind_such_a_pooler_end_with_words(pooled, product_env):
    pooler = pooled(size=2)
    name = db.settings_dict["NAME"]
    environment = product_env | {"DATABASE_URL": f"postgres://postgres@127.0.0.1:{pooler.port}/{name}"}
    command = [sys.executable, "manage.py", "work"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: Workers do not start: a pooler") and "DATABASE_URL" in done.stderr


def test_workers_wait_for_the_migrations_of_their_release():
    assert fitness.why_unfit() == ""
    applied = MigrationRecorder.Migration.objects.filter(app="syncing").latest("name")
    applied.delete()
    try:
        assert "1 migrations are not applied. Run the release step" in fitness.why_unfit()
    finally:
        applied.save(force_insert=True)


@pytest.mark.parametrize("task", [tasks.wake, tasks.sweep, tasks.beat])
def test_workers_that_the_database_has_outgrown_begin_nothing_more_and_say_so(task, caplog):
    enqueue.process_events()
    newer = MigrationRecorder.Migration.objects.create(app="stores", name="9999_of_a_release_to_come")
    try:
        assert "stores.9999_of_a_release_to_come" in fitness.why_unfit()
        task(0)
        assert "restore the backup from before it" in caplog.text
        assert SyncJob.objects.get().state == SyncJob.State.QUEUED and not Heartbeat.objects.exists()
    finally:
        newer.delete()
    task(0)
    assert Heartbeat.objects.exists() or not SyncJob.objects.exists()  # it beats, or has done the work


def test_workers_of_an_earlier_release_get_no_work_and_are_named(admin_client):
    enqueue.process_events()
    job = SyncJob.objects.get()
    claimed = SyncJob.objects.filter(pk=job.pk).update(state=SyncJob.State.RUNNING, worker="old:1")  # as they do
    assert claimed == 0
    assert SyncJob.objects.filter(pk=job.pk).update(state=SyncJob.State.RUNNING, rules=fitness.RULES_VERSION) == 1
    SyncJob.objects.filter(pk=job.pk).update(state=SyncJob.State.QUEUED)
    assert SyncJob.objects.get().rules == 0  # so that they do not get it now either
    heartbeats.beat()
    heartbeats.sign()
    assert [finding.grade for finding in doctor._workers()] == [doctor.GOOD]
    Cluster.objects.update(rules=0)
    assert "do nothing" in [*doctor._workers()][-1].words
    assert "Refused" in look_at(admin_client, list_of("syncing_cluster"))
