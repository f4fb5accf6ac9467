"""`manage.py after_restore`: the database is older than the stores; make sure that nothing is computed from that."""

from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from stores.models import Connection, SyncSwitch
from syncing.models import StockLevel, StockLink
from syncing.stock.writes import restoring


class Command(BaseCommand):
    help = (
        "Run this after restoring a backup, before any worker starts. What was carried after the backup stands in the "
        "stores but not in the database: computed from the old baselines it would be carried a second time. So all "
        "syncing is stopped, every known quantity is doubted until it is read live, and each connection is aligned "
        "anew by its own choice (source wins, or keep both) once you resume everything in the console; orders from "
        "before are looked for in the source before they are copied. What was under way is not sent: it may have been "
        "sent after the backup. Until then the preview of a connection shows what "
        "would change. Safe to repeat."
    )

    def handle(self, *args: str, **options: object) -> None:
        with transaction.atomic():
            switch = SyncSwitch.load()
            switch.is_stopped, switch.reason = True, "a backup was restored"
            switch.save()
            version = F("version") + 1
            doubt = {"is_doubtful": True, "doubt_as_of": None, "doubt_version": version, "overtaken_as_of": None}
            levels = StockLevel.objects.update(version=version, **doubt)
            StockLink.objects.update(source_baseline=None, destination_baseline=None)
            writes, undone = restoring.end_pending(), restoring.end_undoing()
            connections = Connection.objects.update(aligned_strategy="", restored_at=timezone.now())
        self.stdout.write(
            f"Stopped. {levels} quantities will be read live, {connections} connections aligned anew; {writes} stock "
            f"writes and {undone} undos that were under way are not sent. Start the "
            "workers, look at the connections' previews, then press “Resume everything” in the console."
        )
