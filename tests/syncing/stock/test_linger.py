"""How long a partly filled batch waits for company goes by what is left of the stores' budgets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.clients import open_client
from stores.models import Store
from syncing.models import StockLink
from syncing.stock import engine
from syncing.stock.writes.linger import FULL_SHARE, LOW_SHARE, SHORTEST_SHARE, linger_seconds

shares = st.floats(min_value=-1, max_value=1)


@given(shares, shares, st.floats(min_value=0, max_value=60))
def test_the_emptier_the_bucket_the_longer_and_never_beyond_both_ends(share, other, longest):
    fuller, emptier = max(share, other), min(share, other)
    assert SHORTEST_SHARE * longest <= linger_seconds(longest, fuller) <= linger_seconds(longest, emptier) <= longest


def test_its_ends():
    assert linger_seconds(1.0, FULL_SHARE) == linger_seconds(1.0, 1.0) == SHORTEST_SHARE
    assert linger_seconds(1.0, LOW_SHARE) == linger_seconds(1.0, -1.0) == 1.0
    assert linger_seconds(0.0, -1.0) == 0


@pytest.mark.parametrize(
    ("strategy", "source_share", "north_share", "seconds"),
    [
        ("one_way", 1, 1, SHORTEST_SHARE),
        ("one_way", -0.5, 1, SHORTEST_SHARE),  # nothing is written to the source
        ("one_way", 1, 0.1, 1.0),
        ("two_way", 0.1, 1, 1.0),
        ("two_way", 1, 0.6, (1 + SHORTEST_SHARE) / 2),
    ],
)
def test_a_run_waits_by_the_emptiest_bucket_that_it_writes_to(
    pair, settings, monkeypatch, strategy, source_share, north_share, seconds
):
    world = pair(strategy)
    for place, share in zip(world.places, (source_share, north_share), strict=True):
        Store.objects.filter(pk=place.store.pk).update(
            bucket_maximum=1000, bucket_available=1000 * share, bucket_restore_rate=0
        )
    link = StockLink.objects.first()
    settings.STOCK_LINGER_SECONDS = 1.0
    pauses, clock = [], [1000.0]

    def sleep(some):
        pauses.append(some)
        assert len(pauses) < 100, "it waits for ever"
        clock[0] += some

    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(engine.time, "sleep", sleep)
    run = engine.Run(world.connections[0], open_client)
    run.last_sent = clock[0]
    StockLink.objects.filter(pk=link.pk).update(dirty_at="2100-01-01T00:00:00Z", dirty_sequence=link.dirty_sequence + 1)
    assert run._wait_for_company() == 1
    assert sum(pauses) == pytest.approx(seconds, abs=0.02)
