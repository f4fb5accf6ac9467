"""Our clock was ahead and is set back: what was noted by it is neither waited for nor taken for a moment ago."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import FileLink, ProductLink
from stores.shopify import gids
from syncing.catalogue import referred_files
from syncing.catalogue.content import comparison
from syncing.catalogue.products import deletion, waiting
from syncing.catalogue.products.writes import own_variants

AHEAD = timedelta(days=30)  # so far was it


@pytest.fixture
def room(showroom):
    room = showroom(identifier="sku", collection_mode="create_update")
    room.waiting = ProductLink(
        connection=room.connection,
        destination=room.destination.store,
        source_gid=gids.gid("Product", 1),
        destination_gid=gids.gid("Product", 2),
    )
    return room


def test_content_is_polled_and_compared(room):
    settings, ahead = room.connection.catalogue, timezone.now() + AHEAD
    settings.polled_at = settings.content_compared_at = ahead
    assert comparison.is_due(settings, timezone.now())
    assert comparison.must_compare(settings)


def test_a_store_is_asked_for_new_variants(room):
    room.waiting.state, room.waiting.retry_at = "waiting", timezone.now() + AHEAD
    room.waiting.save()
    assert waiting.capped_until(room.destination.store.pk) is None
    assert list(waiting.find_due(timezone.now())) == [room.waiting]


def test_a_file_that_failed_is_tried_again(room):
    file = gids.gid("GenericFile", 1)
    stores = {"source": room.source.store, "destination": room.destination.store}
    FileLink.objects.create(**stores, source_gid=file, state="failed", checked_at=timezone.now() + AHEAD)
    referred_files.want(room.connection, [file])
    assert FileLink.objects.get().state == "wanted"


def test_what_was_hidden_then_does_not_count_as_hidden_a_moment_ago(room):
    room.waiting.state, room.waiting.removals = "linked", {own_variants.HIDDEN_AT: (timezone.now() + AHEAD).isoformat()}
    room.waiting.save()
    room.set(guard_minimum=2, guard_share=0)
    assert own_variants.why_hiding_held(room.connection, 1) == ""
    ProductLink.objects.update(removals={own_variants.HIDDEN_AT: timezone.now().isoformat()})
    assert own_variants.why_hiding_held(room.connection, 1)


def test_a_second_product_of_one_identifier_is_made(room):
    rows = [{"optionValues": [{"optionName": "Title", "name": "Default Title"}], "price": "10.00", "sku": "L-1"}]
    room.add("Lamp", variants=rows)
    room.world.follow()
    twin = room.add("Twin", variants=rows)
    room.world.follow()
    assert ProductLink.objects.get(source_gid=twin).state == "unmatched"
    ProductLink.objects.filter(source_gid=twin).update(created_at=timezone.now() + AHEAD)
    room.carry(twin)
    assert ProductLink.objects.get(source_gid=twin).state == "linked"


def test_whether_the_day_of_what_was_never_ordered_is_over_says_the_destination(room):
    room.set(unlink="if_ordered")
    gid = room.add("Lamp")
    room.world.follow()
    room.delete(gid)
    room.world.follow()
    room.world.let_pass(25)
    now = timezone.now() - AHEAD
    assert deletion.find_due(now) == [room.connection]
