"""A run's products are read by bulk queries, many before it comes to them; what moved since is read once more.

A bulk query costs next to nothing, a page seven points for each product. But its records are a minute or two old when
they are compared. So each is used once, and not at all where something was noted of its product since: a webhook, a
write, a decision. And nothing is written singly on its word (ProductFollower), nor by a line (BulkLine.compared_at).
"""

import logging
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from django.db.models import BigIntegerField, Count
from django.db.models.functions import Cast, Substr

from stores.models import Store, Variant
from stores.shopify import gids
from stores.shopify.client import Client
from stores.shopify.errors import (
    AccessDenied,
    AnswerLost,
    BulkFailed,
    BulkLinkExpired,
    ObjectNotFound,
    QueryRejected,
    ServerError,
    TooManyBulkOperations,
    UnexpectedAnswer,
    UserErrors,
)
from stores.shopify.products.bulk_products import BulkReading, read_products_in_bulk
from stores.shopify.products.product_records import PRODUCTS_PER_READ, ProductRecord
from syncing.catalogue.products.reading import Reading

logger = logging.getLogger(__name__)

# Of one read, which are held in memory; a large run has the more read at once, the larger it is.
SOME_PRODUCTS, MOST_PRODUCTS, MOST_VARIANTS = 2000, 10_000, 25_000
SHARES_COUNT = 5  # of a large run, each read at once
LEAST_PRODUCTS = 51  # two pages of fewer are there sooner, and hardly dearer
# Where the range of their ids holds more than so many times as many, pages cost less time. What five operations made at
# the same time lies among five times as many, and pages of it would cost 150 points for 25.
THIN_FACTOR = 6
FIRST_SECONDS = 1.0  # between two looks; they grow
OLD_SECONDS = 600.0  # what was read before that is read again
ALIKE_COUNT = PRODUCTS_PER_READ // 2  # so many of a batch are asked for: the next batches will want theirs, too
PRODUCT = "gid://shopify/Product/"
# What is asked for by pages instead; where it is the store's own trouble, these say so.
REFUSALS = (
    AccessDenied,
    AnswerLost,
    BulkFailed,
    BulkLinkExpired,
    ObjectNotFound,
    QueryRejected,
    ServerError,
    TooManyBulkOperations,
    UnexpectedAnswer,
    UserErrors,
)
Signs = Mapping[str, Hashable]


class ReadingAhead(Reading):
    """Reads products of one store in bulk, while more than a few are still to come.

    `upcoming` lists the gids of those that will be asked for, soonest first, at most as many as it is given;
    `signs_of` tells what is noted of products: it changes when somebody writes to one, or hears of it. `must_end`: no
    longer wait for Shopify. `location_gids`: where the levels of their variants will be asked for. `count`: how many it
    will be in all.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        upcoming: Callable[[int], Sequence[str]],
        signs_of: Callable[[Sequence[str]], Signs],
        must_end: Callable[[], bool],
        location_gids: Sequence[str] = (),
        count: int = 0,
    ) -> None:
        super().__init__(client)
        self._store, self._upcoming, self._signs_of, self._must_end = store, upcoming, signs_of, must_end
        self._location_gids = tuple(location_gids)
        self._most = min(MOST_PRODUCTS, max(SOME_PRODUCTS, math.ceil(count / SHARES_COUNT)))
        self._is_off = False
        self._drop()

    def _drop(self) -> None:
        self._read, self._items, self._signs = BulkReading(), frozenset[str](), dict[str, Hashable]()
        self._portion, self._old, self._read_at = set[str](), set[str](), time.monotonic()

    def products(self, product_gids: Sequence[str]) -> list[ProductRecord]:
        """As Reading.products."""
        if time.monotonic() - self._read_at > OLD_SECONDS:
            self._drop()
        unknown = sum(gid not in self._portion for gid in product_gids)
        if not self._is_off and unknown > ALIKE_COUNT and unknown * 2 > len(product_gids):
            self._read_ahead()
        ahead = self._unmoved([gid for gid in product_gids if gid in self._read.records])
        rest = [gid for gid in product_gids if gid not in ahead]
        found = dict(ahead)
        if rest:
            found |= {record.gid: record for record in self.products_now(rest)}
        for gid in product_gids:
            self.forget(gid)
        self._old.update(ahead)
        return [found[gid] for gid in product_gids if gid in found]

    def _unmoved(self, product_gids: Sequence[str]) -> dict[str, ProductRecord]:
        """The records of those of which nothing was noted since they were read."""
        if not product_gids:
            return {}
        now = self._signs_of(product_gids)
        return {gid: self._read.records[gid] for gid in product_gids if now.get(gid) == self._signs.get(gid)}

    def forget(self, product_gid: str) -> None:
        """As Reading.forget."""
        self._portion.discard(product_gid)
        self._old.discard(product_gid)
        self._read.records.pop(product_gid, None)

    def is_old(self, product_gid: str) -> bool:
        """As Reading.is_old."""
        return product_gid in self._old

    def levels(self, location_gid: str, item_gids: Sequence[str]) -> dict[str, int]:
        """As Reading.levels."""
        known = self._items if location_gid in self._location_gids else frozenset()
        rest = [gid for gid in item_gids if gid not in known]
        found = super().levels(location_gid, rest) if rest else {}
        held = ((gid, self._read.levels.get((location_gid, gid))) for gid in item_gids if gid in known)
        return found | {gid: units for gid, units in held if units is not None}

    # The next portion

    def _read_ahead(self) -> None:
        wanted = self._next_portion()
        if len(wanted) < LEAST_PRODUCTS:
            return
        self._drop()
        signs = dict(self._signs_of(wanted))
        try:
            read = read_products_in_bulk(
                self.client, wanted, self._location_gids, sleep=self._sleep, poll_seconds=FIRST_SECONDS
            )
        except REFUSALS as error:
            self._page_instead(str(error))
            return
        self._read, self._signs, self._portion = read, signs, set(wanted)
        self._items = frozenset(variant.item_gid for record in read.records.values() for variant in record.variants)
        self._read_at = time.monotonic()
        if len(read.records) * 2 < len(wanted):
            self._page_instead(f"only {len(read.records)} of {len(wanted)} products came whole")

    def _page_instead(self, why: str) -> None:
        self._is_off = True
        logger.warning("%s: products are read by pages, not in bulk: %s", self._store.domain, why)

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        if self._must_end():
            raise BulkFailed("The worker has to end.", error_code="ENDED")

    def _next_portion(self) -> list[str]:
        """Those that come next, as many as may be held; none where too many others lie between their ids."""
        upcoming = list(self._upcoming(self._most))
        rows = Variant.objects.filter(store=self._store, gone_at=None)
        counts = dict(
            rows.filter(product_gid__in=upcoming).order_by().values_list("product_gid").annotate(count=Count("pk"))
        )
        portion, held = list[str](), 0
        for gid in upcoming:
            held += counts.get(gid, 1)
            if held > MOST_VARIANTS and portion:
                break
            portion.append(gid)
        if len(portion) < LEAST_PRODUCTS:
            return []
        numbers = [gids.number(gid, "Product") for gid in portion]
        number = Cast(Substr("product_gid", len(PRODUCT) + 1), BigIntegerField())
        between = rows.annotate(number=number).filter(number__range=(min(numbers), max(numbers)))
        others = between.aggregate(products=Count("product_gid", distinct=True), variants=Count("pk"))
        if others["products"] > THIN_FACTOR * len(portion) or others["variants"] > THIN_FACTOR * MOST_VARIANTS:
            self._page_instead(f"among {others['products']} products only {len(portion)} are wanted")
            return []
        return portion
