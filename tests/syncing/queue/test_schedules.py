"""The queue's schedules are those declared in the code."""

from pydoc import locate

import pytest
from django.core.management import call_command
from django_q.models import Schedule

from syncing.queue.watchdog import SCHEDULES

pytestmark = pytest.mark.django_db


def test_a_release_declares_the_sweep_and_a_second_one_changes_nothing(capsys):
    call_command("upsert_schedules")
    before = list(Schedule.objects.values())
    call_command("upsert_schedules")
    assert list(Schedule.objects.values()) == before
    assert [(row["name"], row["func"], row["minutes"]) for row in before] == [("sweep", "syncing.tasks.sweep", 1)]


def test_what_is_no_longer_declared_goes_and_what_was_changed_by_hand_or_doubled_is_set_right(capsys):
    Schedule.objects.create(name="old", func="syncing.tasks.gone", schedule_type=Schedule.HOURLY)
    Schedule.objects.create(name=None, func="syncing.tasks.gone", schedule_type=Schedule.HOURLY)
    for _ in range(2):
        Schedule.objects.create(name="sweep", func="other", schedule_type=Schedule.DAILY, repeats=0)
    call_command("upsert_schedules")
    schedule = Schedule.objects.get()
    assert (schedule.func, schedule.schedule_type, schedule.repeats) == ("syncing.tasks.sweep", Schedule.MINUTES, -1)


def test_every_declared_function_exists():
    assert all(callable(locate(function)) for function, _ in SCHEDULES.values())
