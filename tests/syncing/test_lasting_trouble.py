"""Stock under trouble that lasts: a store down for hours, clocks apart, restored backups, whatever else happens.

`TIPOSYNC_LONG=1 pytest -m state_machine` looks much longer. A failure prints the steps that led to it.
"""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.support.misfortune.trouble_rules import TroubleRules
from tests.syncing.test_state_machine import ITEMS, STOCK, Trade, profile, pytestmark  # noqa: F401


class TroubledTrade(TroubleRules, Trade):
    """One source and three destinations."""


@pytest.mark.parametrize(("strategies", "examples"), [(("two_way", "two_way", "one_way"), 12)])
def test_while_one_store_is_in_trouble_the_others_agree_and_in_the_end_all_do(world, strategies, examples):
    source = world.add_store("source", "source", ITEMS, STOCK)
    for name, strategy in zip(("north", "south", "west"), strategies, strict=True):
        world.connect(source, world.add_store(name, "destination", ITEMS, STOCK), strategy)
    world.work()
    world.mark()

    class Example(TroubledTrade):
        pass

    Example.world = world
    run_state_machine_as_test(Example, settings=profile(examples))
