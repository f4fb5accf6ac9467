"""Orders that come before their products are linked: what is in doubt waits, what was missed is decided by somebody."""

from datetime import timedelta
from decimal import Decimal

import pytest

from orders import advice, decisions, notices
from orders.copies import late_links
from orders.models import OrderImport, OrderSettings
from stores.models import VariantLink
from stores.shopify import gids
from syncing import sweep
from syncing.connections import resuming
from syncing.models import Alert, SyncJob
from syncing.monitoring import data_problems
from syncing.queue import enqueue
from tests.support.orders.sources import Sources
from tiposync.console.orders.filters import needs_attention
from tiposync.console.stores.connection_summary import follow_up

State, LateLinks = OrderImport.State, OrderImport.LateLinks


@pytest.fixture
def shop(trade):
    """North's item 0 is linked to nothing yet."""

    def build(strategy="order", **choices):
        built = trade(strategy, **choices)
        unlink(built)
        return built

    return build


def link_of(shop, number=0):
    gid = gids.gid("ProductVariant", shop.source.variants[number].id)
    return VariantLink.objects.get(connection=shop.connection, source_variant__gid=gid)


def theirs(shop, number=0):
    return shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[number].id))


def unlink(shop, number=0):
    link = link_of(shop, number)
    VariantLink.objects.filter(pk=link.pk).update(state="unmatched", destination_variant=None)
    link.stock_links.all().delete()


def doubt(shop, number=0, kind="candidates"):
    link = link_of(shop, number)
    if kind == "candidates":
        VariantLink.objects.filter(pk=link.pk).update(state="ambiguous")
        link.candidates.add(theirs(shop, number))
    else:
        VariantLink.objects.filter(pk=link.pk).update(suggested_variant=theirs(shop, number), suggested_score=80)


def link(shop, number=0, *, is_told=True):
    """As an operator's hand does it; `is_told` False: the process dies before anything follows from it."""
    found = link_of(shop, number)
    VariantLink.objects.filter(pk=found.pk).update(
        state="linked", destination_variant=theirs(shop, number), suggested_variant=None
    )
    if is_told:
        follow_up(shop.connection)


@pytest.mark.parametrize("kind", ["candidates", "suggestion"])
@pytest.mark.parametrize("unlinked", ["leave_out", "custom", "hold"])
def test_an_order_whose_variant_is_in_doubt_waits_with_its_units_held_back(shop, kind, unlinked):
    shop = shop(unlinked=unlinked)
    doubt(shop, kind=kind)
    order = shop.north.order((0, 2), (1, 1))
    shop.run()
    row = shop.row(order)
    assert (row.state, row.waits_for, shop.copies) == (State.WAITING, "links", [])
    assert "Product 0" in row.reason
    assert shop.south.available(0) == 18
    assert [problem.subject for problem in data_problems.waiting_orders(shop.sim.clock.now())] == [f"import {row.pk}"]
    link(shop)
    shop.run()
    assert shop.row(order).state == State.CONFIRMED
    assert not shop.row(order).is_partial
    assert (shop.source.available(0), shop.south.available(0)) == (18, 18)


def test_a_link_that_no_process_lived_to_tell_of_is_found_by_the_sweep(shop):
    shop = shop()
    doubt(shop)
    order = shop.north.order((0, 2))
    shop.run()
    link(shop, is_told=False)
    sweep.sweep()
    shop.run()
    assert shop.row(order).state == State.CONFIRMED


def test_a_doubt_that_ends_without_a_link_lets_the_order_go_on_without_that_line(shop):
    shop = shop()
    doubt(shop)
    order = shop.north.order((0, 2), (1, 1))
    shop.run()
    VariantLink.objects.filter(pk=link_of(shop).pk).update(state="ignored")
    sweep.sweep()
    shop.run()
    row = shop.row(order)
    assert (row.state, row.is_partial, row.late_links) == (State.CONFIRMED, True, LateLinks.WANTED)
    assert shop.south.available(0) == 20


def test_an_order_of_nothing_but_unlinked_products_is_shown_and_a_mail_goes_out_once_they_are_linked(shop):
    shop = shop(notice_addresses="shop@example.com")
    order = shop.north.order((0, 2))
    shop.run()
    row = shop.row(order)
    assert (row.state, row.late_links) == (State.SKIPPED, LateLinks.WANTED)
    assert notices.outcome_of(row) == ""
    assert "Not ours" in advice.what_to_do(row)
    link(shop)
    shop.run()
    row = shop.row(order)
    assert notices.outcome_of(row) == notices.FAILED
    assert "linked since" in notices.compose(row, notices.FAILED, ["shop@example.com"]).body


def test_a_switch_turns_that_off(shop):
    shop = shop(shows_unlinked=False, notice_addresses="shop@example.com")
    order = shop.north.order((0, 2))
    shop.run()
    row = shop.row(order)
    assert (row.state, row.late_links, notices.outcome_of(row)) == (State.SKIPPED, "", "")


def test_what_was_sold_before_its_product_was_linked_is_held_back_until_somebody_decides(shop):
    shop = shop()
    order = shop.north.order((0, 2))
    shop.run()
    link(shop)
    shop.run()
    row = shop.row(order)
    assert (row.state, row.late_links, shop.copies) == (State.SKIPPED, LateLinks.LINKED, [])
    assert shop.stock() == (20, 18, 18)
    assert OrderImport.objects.filter(needs_attention()).get() == row
    assert "Import again" in advice.what_to_do(row)
    assert decisions.import_again(row)
    enqueue.import_order(shop.connection, row.order_gid)
    shop.run()
    assert (shop.row(order).state, shop.row(order).late_links) == (State.CONFIRMED, "")
    assert shop.stock() == (18, 18, 18)


def test_not_ours_ends_it_and_the_units_are_offered_again(shop):
    shop = shop()
    order = shop.north.order((0, 2))
    shop.run()
    link(shop)
    shop.run()
    assert late_links.end(shop.row(order), resuming.move_units, "anna")
    shop.run()
    row = shop.row(order)
    assert (row.state, row.late_links) == (State.SKIPPED, LateLinks.ENDED)
    assert shop.stock() == (20, 20, 20)
    assert not late_links.end(row, resuming.move_units, "anna")
    sweep.sweep()
    shop.run()
    assert shop.row(order).late_links == LateLinks.ENDED


def test_not_ours_ends_an_order_that_waits_too(shop):
    shop = shop()
    doubt(shop)
    order = shop.north.order((0, 2))
    shop.run()
    assert late_links.end(shop.row(order), resuming.move_units, "anna")
    shop.run()
    assert shop.row(order).state == State.SKIPPED
    assert shop.south.available(0) == 20


def test_a_partial_copy_whose_product_is_linked_later_is_listed_and_its_units_are_held_back(shop):
    shop = shop()
    order = shop.north.order((0, 2), (1, 1))
    shop.run()
    assert (shop.row(order).state, shop.row(order).late_links) == (State.CONFIRMED, LateLinks.WANTED)
    link(shop)
    shop.run()
    row = shop.row(order)
    assert (row.state, row.late_links) == (State.CONFIRMED, LateLinks.LINKED)
    assert shop.stock() == (20, 18, 18)
    assert late_links.end(row, resuming.move_units, "anna")
    shop.run()
    assert shop.stock() == (20, 20, 20)


def test_orders_older_than_sixty_days_are_left_alone(shop):
    shop = shop()
    order = shop.north.order((0, 2))
    shop.run()
    OrderImport.objects.update(placed_at=shop.sim.clock.now() - timedelta(days=61))
    link(shop)
    shop.run()
    assert shop.row(order).late_links == LateLinks.WANTED


def test_no_mail_no_alert_and_no_job_without_anything_late(trade):
    shop = trade()
    order = shop.north.order((0, 2))
    shop.run()
    assert (shop.row(order).state, shop.row(order).late_links) == (State.CONFIRMED, "")
    assert not Alert.objects.exists() and OrderSettings.objects.get().shows_unlinked
    assert not SyncJob.objects.filter(kind="import_order", state="queued").exists()


def test_a_cancelled_order_holds_back_nothing_any_more(shop):
    shop = shop()
    order = shop.north.order((0, 2))
    shop.run()
    link(shop)
    shop.run()
    assert shop.stock() == (20, 18, 18)
    shop.sim.cancel(shop.north.domain, order)
    shop.world.settle()
    assert shop.row(order).late_links == LateLinks.ENDED
    assert shop.source.available(0) == shop.south.available(0) == 20


def test_of_two_sources_only_the_one_in_doubt_waits_and_the_others_copy_is_not_partial(world):
    shop = Sources.open(world)
    spare = VariantLink.objects.filter(connection=shop.connections[1]).order_by("pk")[1]
    there = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(pk=spare.pk).update(state="ambiguous", destination_variant=None)
    spare.candidates.add(there)
    order = shop.place((0, 1, "10.00"), (shop.foreign, 1, "30.00"), shipping="4.00")
    shop.run()
    assert [shop.row(n, order).state for n in (0, 1)] == [State.CONFIRMED, State.WAITING]
    assert not shop.row(0, order).is_partial
    assert shop.totals() == [[Decimal("11.00")], []]
    VariantLink.objects.filter(pk=spare.pk).update(state="linked", destination_variant=there)
    follow_up(shop.connections[1])
    shop.run()
    assert shop.totals() == [[Decimal("11.00")], [Decimal("33.00")]]


def test_a_product_that_is_linked_to_another_source_than_the_one_that_missed_it_is_listed_there(world):
    shop = Sources.open(world)
    order = shop.place((shop.foreign, 2, "30.00"))
    shop.run()
    assert [shop.row(n, order).late_links for n in (0, 1)] == [LateLinks.WANTED, ""]
    spare = VariantLink.objects.filter(connection=shop.connections[1]).order_by("pk")[1]
    there = shop.north.store.variants.get(gid=gids.gid("ProductVariant", shop.north.variants[shop.foreign].id))
    VariantLink.objects.filter(pk=spare.pk).update(destination_variant=there)
    follow_up(shop.connections[1])
    shop.run()
    row = shop.row(1, order)
    assert (row.late_links, list(row.lines.values_list("is_pending", flat=True))) == (LateLinks.LINKED, [True])
    assert decisions.import_again(row)
    enqueue.import_order(shop.connections[1], row.order_gid)
    shop.run()
    assert shop.totals() == [[], [Decimal("60.00")]]
