"""The cost bucket of a store, in its row: shared by all workers of all machines, by the database's clock."""

from collections.abc import Iterable, Mapping
from typing import Any

from stores.models import Store
from stores.shared.statements import prepared_cursor
from stores.shopify import throttle

Statement = tuple[str, dict[str, Any]]


class StoreBucket:
    """The cost bucket of a store (throttle.Bucket) in its row: one UPDATE per call.

    Reservations go below zero, so that workers who come at the same time queue up behind each other. They are bounded
    by one bucket of debt: what a killed worker reserved and never reported is forgotten after that time.

    What makes the statements, and what reads their rows, are apart from `acquire` and `report` for the gate, which
    asks for both at once (stores.gates).
    """

    def __init__(self, store_pk: int, keep: float = throttle.KEEP_SHARE) -> None:
        self._store_pk = store_pk
        self._keep = keep
        self._reserved = 0.0

    def acquire(self, cost: float) -> float:
        """See throttle.Bucket.acquire."""
        sql, parameters = self.reserving(cost)
        with prepared_cursor() as cursor:
            cursor.execute(f"{sql} {IS_STORE} {SIZES}", parameters)
            return self.taken(cost, cursor.fetchone())

    def reserving(self, cost: float) -> Statement:
        """What takes points, but for its condition and what it returns."""
        return _RESERVE, {"cost": float(cost), "store": self._store_pk}

    def taken(self, cost: float, sizes: tuple | None) -> float:
        """Seconds to wait, by the row that SIZES returned once the points were taken."""
        if not sizes or sizes[0] is None:  # the store was removed meanwhile; its client still fails in its own words
            return 0.0
        self._reserved += cost
        return self._wait(cost, *sizes)

    def waited_for(self, sizes: tuple) -> float:
        """Seconds to wait before any point may be taken, by the row of a look at what is there."""
        return self._wait(0, *sizes)

    def _wait(self, cost: float, maximum: float, left: float, restore_rate: float) -> float:
        return throttle.reserve(throttle.BucketState(maximum, left + cost, restore_rate, 0), cost, 0, self._keep)[1]

    def report(self, throttle_status: Mapping[str, Any] | None, requested: float, actual: float | None) -> None:
        """See throttle.Bucket.report.

        The lower of what Shopify tells and what we believe counts: what Shopify tells does not know yet what other
        workers have reserved. Only when the size of the bucket changed (or is learned), Shopify alone is believed.
        """
        if found := self.reporting(throttle_status, requested, actual):
            sql, parameters = found
            with prepared_cursor() as cursor:
                cursor.execute(f"{sql} {IS_STORE}", parameters)

    def reporting(
        self, throttle_status: Mapping[str, Any] | None, requested: float, actual: float | None
    ) -> Statement | None:
        """What writes that down, but for its condition; None where it changes nothing. To be executed."""
        self._reserved = max(0.0, self._reserved - requested)
        unspent = 0.0 if actual is None else requested - actual
        nothing = throttle.BucketState(0, 0, 0, 0)
        reported = throttle.observe(nothing, throttle_status, 0)
        parameters: dict[str, Any] = {"store": self._store_pk, "unspent": float(unspent)}
        if reported is nothing:
            return (_GIVE_BACK, parameters) if unspent else None
        parameters |= {"maximum": reported.maximum, "available": reported.available, "rate": reported.restore_rate}
        return _BELIEVE_SHOPIFY, parameters | {"reserved": self._reserved}


IS_STORE = "WHERE stores_store.id = %(store)s"
# Not far ahead, or after the database's clock was set back nothing would be restored until it is there again.
_CHANGED_AT = "LEAST(GREATEST(bucket_at, clock_timestamp()), clock_timestamp() + interval '1 minute')"
_REFILLED = """
    LEAST(bucket_maximum, bucket_available + bucket_restore_rate
          * GREATEST(0, COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - bucket_at), 0)::float8))
"""
# Maximum, points that are there, points restored in a second: of the row that is changed, and of one that is looked at.
SIZES = "RETURNING bucket_maximum, bucket_available, bucket_restore_rate"
SIZES_NOW = f"bucket_maximum, GREATEST({_REFILLED}, -bucket_maximum), bucket_restore_rate"
_RESERVE = f"""
    UPDATE stores_store
    SET bucket_available = GREATEST({_REFILLED} - %(cost)s, -bucket_maximum), bucket_at = {_CHANGED_AT}
"""
_BELIEVE_SHOPIFY = f"""
    UPDATE stores_store
    SET bucket_available = CASE WHEN bucket_maximum = %(maximum)s AND bucket_restore_rate = %(rate)s
                                THEN LEAST(%(available)s, {_REFILLED} + %(unspent)s)
                                ELSE %(available)s - %(reserved)s END,
        bucket_maximum = %(maximum)s, bucket_restore_rate = %(rate)s, bucket_at = {_CHANGED_AT}
"""
_GIVE_BACK = f"""
    UPDATE stores_store
    SET bucket_available = LEAST(bucket_maximum, {_REFILLED} + %(unspent)s), bucket_at = {_CHANGED_AT}
"""


def share_left(store_ids: Iterable[int]) -> float:
    """What is left of a store's bucket, of these stores the least; 1 is full, below 0 is promised and not there yet."""
    with prepared_cursor() as cursor:
        cursor.execute(
            f"SELECT min({_REFILLED} / NULLIF(bucket_maximum, 0)) FROM {Store._meta.db_table}"
            " WHERE id = ANY(%s::bigint[])",
            [list(store_ids)],
        )
        (share,) = cursor.fetchone()
    return 1.0 if share is None else float(share)
