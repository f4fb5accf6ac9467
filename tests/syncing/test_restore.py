"""After a restored backup nothing that was carried before is carried a second time."""

import pytest

from stores.models import SyncSwitch
from tests.support.backup import Backup, after_restore, resume_everything


def resume(world) -> None:
    resume_everything()
    world.work()
    world.carry()


@pytest.mark.parametrize("strategy", ["two_way", "one_way"])
def test_what_was_carried_after_the_backup_is_not_carried_again(pair, strategy):
    world = pair(strategy)
    source, north = world.places
    backup = Backup()
    source.buy(0, 3)
    world.follow()
    assert (source.available(), north.available()) == (17, 17)
    backup.restore()
    after_restore()
    world.carry()
    assert (source.writes, SyncSwitch.load().is_stopped) == (0, True)
    resume(world)
    assert (source.available(), north.available()) == (17, 17)


def test_from_then_on_changes_travel_as_before(pair):
    world = pair("two_way")
    source, north = world.places
    backup = Backup()
    north.buy(0, 2)
    world.follow()
    backup.restore()
    after_restore()
    resume(world)
    north.buy(0, 1)
    source.restock(0, 4)
    world.follow()
    assert (source.available(), north.available()) == (21, 21)


def test_without_it_units_would_be_lost(pair):
    """Why the command is there: should this ever fail, the guide to restoring can become shorter."""
    world = pair("two_way")
    source, north = world.places
    backup = Backup()
    source.buy(0, 3)
    world.follow()
    backup.restore()
    world.reconcile()
    world.carry()
    assert (source.available(), north.available()) == (14, 14)
