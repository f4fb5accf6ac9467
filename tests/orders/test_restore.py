"""After a restored backup no order is copied a second time, though the database knows of no copy."""

import io

import pytest
from django.core.management import call_command

from orders.models import OrderImport
from stores.models import SyncSwitch
from tests.orders.changes import copied


@pytest.mark.parametrize("knows", ["nothing of it", "that it was placed"])
@pytest.mark.parametrize("strategy", ["order", "draft_order"])
def test_an_order_that_was_copied_after_the_backup_is_found_and_not_copied_again(trade, strategy, knows):
    shop, order, _ = copied(trade, (0, 2), strategy=strategy)
    if knows == "nothing of it":
        OrderImport.objects.all().delete()
    else:
        OrderImport.objects.update(
            state="planned", attempts=0, copy_gid="", copy_order_gid="", sent_at=None, confirmed_at=None
        )
    call_command("after_restore", stdout=io.StringIO())
    SyncSwitch.objects.update(is_stopped=False)
    shop.world.tick(60)
    shop.world.reconcile()
    shop.run()
    made = shop.source.shop.orders if strategy == "order" else shop.source.shop.drafts
    assert len(made) == 1
    assert OrderImport.objects.get().state == "confirmed"


def test_an_order_placed_after_the_restore_is_copied_as_ever(trade):
    shop, _, _ = copied(trade, (0, 2))
    call_command("after_restore", stdout=io.StringIO())
    SyncSwitch.objects.update(is_stopped=False)
    shop.north.order((1, 1))
    shop.run()
    assert len(shop.copies) == 2
