"""`manage.py upsert_schedules`: the queue's schedules become those declared here. Part of each release."""

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from syncing.models import Heartbeat
from syncing.queue.heartbeats import DUTIES, INSTALLED, SWEEP
from syncing.queue.watchdog import SCHEDULES


class Command(BaseCommand):
    """Idempotent: a schedule that stands keeps its next run."""

    help = "Makes the queue's schedules those declared in the code: adds, changes and removes. Safe to repeat."

    def handle(self, *args: str, **options: object) -> None:
        with transaction.atomic():
            removed, _ = Schedule.objects.exclude(name__in=SCHEDULES).delete()
            for name, (function, minutes) in SCHEDULES.items():
                self._upsert(name, function, minutes)
        # From now on workers are expected: their first sign of life is missed, too.
        Heartbeat.objects.get_or_create(name=INSTALLED, defaults={"beat_at": timezone.now()})
        # And so is each duty, also one that is new with this release: it is not missed since the installation.
        new = [Heartbeat(name=name, beat_at=timezone.now()) for name in (SWEEP, *DUTIES)]
        Heartbeat.objects.bulk_create(new, ignore_conflicts=True)
        self.stdout.write(f"{len(SCHEDULES)} declared, {removed} removed.")

    def _upsert(self, name: str, function: str, minutes: int) -> None:
        values = {
            "func": function,
            "args": "0",
            "kwargs": None,
            "schedule_type": Schedule.MINUTES,
            "minutes": minutes,
            "repeats": -1,
            "cluster": None,
        }
        # The queue has no constraint on the name: two releases at once may have made two, of which one stays.
        present = Schedule.objects.select_for_update().filter(name=name).order_by("pk").first()
        if present is None:
            Schedule.objects.create(name=name, **values)
            return
        Schedule.objects.filter(name=name).exclude(pk=present.pk).delete()
        Schedule.objects.filter(pk=present.pk).update(**values)
