"""Two machines with workers whose clocks are hours apart, and leap: every unit is counted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orders.models import OrderImport
from syncing.models import Cluster, StockHold, SyncJob
from tests.e2e.killing import wait_until
from tests.e2e.test_database_trouble import ITEMS, STOCK, Trade, is_right, report
from tests.e2e.test_kill_orders import copies_by_original
from tests.support.world import World

pytestmark = pytest.mark.process

# Python runs it as it starts. The product asks the time here, and of nobody else but the database and Shopify.
WRONG_CLOCK = """
import datetime, time
from django.utils import timezone
apart, right, right_time = {hours} * 3600, timezone.now, time.time
timezone.now = lambda: right() + datetime.timedelta(seconds=apart)
time.time = lambda: right_time() + apart
"""


def set_clock(folder: Path, hours: int) -> dict[str, str]:
    """The environment of a machine whose clock is that far ahead."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(WRONG_CLOCK.format(hours=hours))
    return {"PYTHONPATH": str(folder)}


def test_machines_hours_apart_lose_and_invent_nothing(serve: Callable[..., World], processes, tmp_path):
    world, right = serve(ITEMS, STOCK, north="order", south="two_way"), processes.environment
    machines = []
    for hours in (2, -2):
        processes.environment = right | set_clock(tmp_path / str(hours), hours)
        machines.append(processes.start("manage.py", "work"))
    trade = Trade(world)
    trade.go_on(1)
    assert wait_until(lambda: is_right(world, trade)), report(world)
    beats = Cluster.objects.values_list("beat_at", flat=True)
    assert wait_until(lambda: len(beats.all()) == 2 and abs(beats[1] - beats[0]).total_seconds() > 3600)
    processes.kill_family(machines[0])
    set_clock(tmp_path / "2", -1)  # it comes back three hours earlier
    trade.go_on(1)
    processes.environment = right | {"PYTHONPATH": str(tmp_path / "2")}
    processes.start("manage.py", "work")
    assert wait_until(lambda: is_right(world, trade)), report(world)
    assert OrderImport.objects.count() == trade.placed
    assert {len(copies) for copies in copies_by_original(world).values()} == {1}
    assert not StockHold.objects.exists()
    assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()
