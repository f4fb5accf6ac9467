"""`manage.py after_restore`: the database is older than the stores; make sure that nothing is computed from that."""

from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from stores.models import Connection, SyncSwitch
from syncing.connections import pausing
from syncing.models import StockLevel, StockLink
from syncing.stock.writes import restoring
from tiposync.console.management.command import who_runs_it


class Command(BaseCommand):
    help = (
        "Run this after restoring a backup, before any worker starts. What was synced after the backup stands in the "
        "stores but not in the database: computed from the old values it would be synced a second time. So all "
        "syncing is paused, every known quantity is read live before it is used, and each connection is synced "
        "from the start by its own choice (use source quantities, or keep current quantities) once you resume "
        "all syncing in the console. Orders from before are looked for in the source before they are imported. What "
        "was under way is not sent: it may have been sent after the backup. Until then the preview of a connection "
        "shows what would change. Safe to repeat."
    )

    def handle(self, *args: str, **options: object) -> None:
        with transaction.atomic():
            # Without an end: one that the backup knows may come before anybody has looked.
            pausing.pause(SyncSwitch.load(), who_runs_it(), "a backup was restored")
            version = F("version") + 1
            doubt = {"is_doubtful": True, "doubt_as_of": None, "doubt_version": version, "overtaken_as_of": None}
            levels = StockLevel.objects.update(version=version, **doubt)
            StockLink.objects.update(source_baseline=None, destination_baseline=None)
            writes, undone = restoring.end_pending(), restoring.end_undoing()
            connections = Connection.objects.update(aligned_strategy="", restored_at=timezone.now())
        self.stdout.write(
            f"Stopped. {levels} quantities will be read live, {connections} connections synced from the start; "
            f"{writes} stock writes and {undone} undos that were under way are not sent. Start the "
            "workers, look at the connections' previews, then press “Resume all syncing” in the console."
        )
