"""“Correct now”: a support agent puts right what was changed in a destination, whatever the drift setting says."""

import pytest
from django.test import Client

from stores import roles
from stores.models import Connection, VariantLink
from syncing.models import Reconciliation, StockAdjustment, StockLink
from tests.support.console.people import member_of
from tests.support.console.press import act, forms_with, list_of, look_at, press

pytestmark = pytest.mark.django_db(transaction=True)

STOCK, BUTTON = "syncing_stocklink", "Correct now"


def page_of(number: int = 0) -> str:
    return f"/admin/syncing/stocklink/timeline/{VariantLink.objects.order_by('pk')[number].pk}/"


@pytest.fixture
def agent() -> Client:
    return member_of(roles.SUPPORT)


@pytest.fixture
def world(pair):
    """Three items with 20 each; the first two were changed in the destination, which is only reported."""
    world = pair("one_way", items=3, drift="report")
    north = world.places[1]
    north.set(0, 12)
    north.set(1, 25)
    world.follow()
    assert StockLink.objects.filter(state="drifted").count() == 2
    return world


def quantities(world) -> list[int]:
    return [world.places[1].available(number) for number in range(3)]


def test_an_agent_corrects_an_item_on_its_page_and_the_timeline_says_by_whom(world, agent):
    page = press(agent, page_of(), BUTTON)
    assert "Being corrected: 1." in page
    world.work()
    assert quantities(world) == [20, 25, 20]
    page = look_at(agent, page_of())
    assert "Correct now: the destination gets what it should have." in page and "support-agent" in page
    assert not forms_with(page, BUTTON)
    assert forms_with(look_at(agent, page_of(1)), BUTTON)
    report = Reconciliation.objects.get(trigger="correction")
    assert (report.state, report.compared, report.count_corrected()) == ("done", 1, 1)


def test_a_selection_of_the_filtered_list_is_corrected(world, agent):
    rows = list(StockLink.objects.order_by("pk"))
    page = act(agent, STOCK, "correct_now", rows, "?stock=out")
    assert "Being corrected: 2." in page
    world.work()
    assert quantities(world) == [20, 20, 20]
    assert "Nothing was corrected" in act(agent, STOCK, "correct_now", rows)
    assert not StockLink.objects.exclude(state="in_step").exists()


def test_the_setting_stays_and_the_next_change_there_is_only_reported_again(world, agent):
    press(agent, page_of(), BUTTON)
    world.work()
    world.places[1].set(0, 13)
    world.follow()
    world.reconcile()
    assert quantities(world) == [13, 25, 20]
    assert StockLink.objects.filter(state="drifted").count() == 2


def test_what_the_stores_say_now_counts_not_what_was_believed(world, agent):
    source, north = world.places
    source.set(0, 31)
    north.set(1, 20)
    for place in world.places:
        place.lose_webhooks()
    act(agent, STOCK, "correct_now", list(StockLink.objects.all()))
    world.work()
    assert quantities(world) == [31, 20, 20]


def test_a_correction_that_looks_like_too_much_waits_for_a_decision_as_any_other(world, agent):
    Connection.objects.update(guard_move=5)
    act(agent, STOCK, "correct_now", list(StockLink.objects.all()))
    world.work()
    assert quantities(world)[0] == 12 and StockLink.objects.filter(state="held").exists()


def test_nothing_is_corrected_while_nothing_travels(world, agent):
    Connection.objects.update(is_paused=True)
    page = press(agent, page_of(), BUTTON)
    assert "Correct now: nothing is corrected now. The connection is paused." in page
    world.work()
    assert quantities(world) == [12, 25, 20]
    assert not Reconciliation.objects.filter(trigger="correction").exists()
    assert not StockAdjustment.objects.filter(cause="reconciliation").exists()


def test_a_viewer_corrects_nothing(world):
    viewer = member_of(roles.VIEWER)
    assert not forms_with(look_at(viewer, page_of()), BUTTON)
    assert 'value="correct_now"' not in look_at(viewer, list_of(STOCK))
    assert viewer.post(f"{page_of()}correct/").status_code == 403
    assert viewer.get(f"{page_of()}correct/").status_code == 405
    world.work()
    assert quantities(world) == [12, 25, 20]
