"""Which products a store has, for a run's plan: a large store's by one bulk query, another's by pages.

A bulk query costs next to nothing, a page 24 points. What is begun is noted in the run before it is asked for, so that
whoever takes the run over waits for the same one. Its file is a minute or more old when the plan is made of it: what
was heard of a product since counts instead (`selecting.note_heads`), and what is followed only since then is not missed
for being in no file (`Listing.newest_link`). Where there is no whole file, pages are read, as of smaller stores.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from stores.ages import is_over
from stores.models import Store, Variant
from stores.shopify import bulk
from stores.shopify.client import Client
from stores.shopify.errors import ShopifyError
from stores.shopify.products import bulk_heads, product_heads
from stores.shopify.products.product_heads import ProductHead
from stores.variants import number_read
from syncing.catalogue.bulk.reading_ahead import REFUSALS
from syncing.models import CatalogueRun

logger = logging.getLogger(__name__)

LEAST_PRODUCTS = 251  # one page of fewer is there sooner
FIRST_SECONDS = 1.0  # between two looks; they grow
LONGEST = timedelta(minutes=30)  # of making and waiting for a file; pages of a million products take as long
NOTES = "lists"  # in CatalogueRun.begun_with: by store, what was begun there
PAGES = "pages"  # in such a note: why pages are read instead, in words
WORKING = (CatalogueRun.State.PLANNING, CatalogueRun.State.RUNNING)


class NotYet(Exception):
    """The worker has to end before Shopify has the list: whoever goes on with the run waits for the same one."""


class Stopped(NotYet):
    """The run was paused, or ended, by an operator."""


@dataclass(frozen=True)
class Listing:
    """All products of a store by id, in a read of this `number`.

    `newest_link`: links that are newer than the one with this key may be of products that came after it was begun.
    """

    number: int
    heads: Iterable[ProductHead]
    newest_link: int | None = None


def list_products(run: CatalogueRun, store: Store, client: Client, must_end: Callable[[], bool]) -> Listing:
    """All products of a store of this run. Raises NotYet, and ShopifyError, with pages also while they are listed."""
    file = _File(run, store, client, must_end)
    if file.is_wanted():
        try:
            heads = file.read()
        except REFUSALS as error:
            file.page_instead(str(error))
        else:
            return Listing(file.note["number"], heads, file.note["newest_link"])
    return Listing(number_read(), product_heads.iter_product_heads(client))


def forget(run: CatalogueRun) -> None:
    """The plan is made (not saved)."""
    run.begun_with.pop(NOTES, None)


class _File:
    """The list of one store for one run."""

    def __init__(self, run: CatalogueRun, store: Store, client: Client, must_end: Callable[[], bool]) -> None:
        self.run, self.store, self.client, self._must_end = run, store, client, must_end
        self.note: dict[str, Any] = run.begun_with.get(NOTES, {}).get(str(store.pk), {})

    def is_wanted(self) -> bool:
        if PAGES in self.note or settings.BULK_WRITES_FROM <= 0:
            return False
        least = max(settings.BULK_WRITES_FROM, LEAST_PRODUCTS)
        known = Variant.objects.filter(store=self.store, gone_at=None).order_by().values("product_gid").distinct()
        count = known[:least].count()
        if count == 0 and self.store.pk == self.run.connection.source_id:  # nobody has read it yet
            count = product_heads.count_products(self.client)
        return count >= least

    def read(self) -> bulk_heads.HeadFile:
        """Raises NotYet, and as `bulk_heads.read` does."""
        gid = self._begin()
        left = LONGEST - (timezone.now() - datetime.fromisoformat(self.note["at"]))
        try:
            return bulk_heads.read(
                self.client,
                gid,
                self.note["count"],
                sleep=self._sleep,
                poll_seconds=FIRST_SECONDS,
                longest_wait=left.total_seconds(),
            )
        except (*REFUSALS, Stopped) as error:
            self._cancel(gid)  # which frees its place, if it is not over
            if isinstance(error, Stopped):
                self._keep({})
            raise

    def _begin(self) -> str:
        """The operation that was begun for this run, or a new one."""
        if self.note and not is_over(datetime.fromisoformat(self.note["at"]), LONGEST, timezone.now()):
            gid: str = self.note.get("gid") or bulk_heads.find(self.client, self.note["name"])
        else:
            gid, name, at = "", uuid.uuid4().hex, timezone.now().isoformat()
            newest = self.run.connection.product_links.aggregate(newest=Max("pk"))["newest"] or 0
            count = product_heads.count_products(self.client)
            self._keep({"name": name, "at": at, "number": number_read(), "newest_link": newest, "count": count})
        if not self.note.get("gid"):
            self._keep(self.note | {"gid": gid or bulk_heads.start(self.client, self.note["name"])})
        return str(self.note["gid"])

    def _keep(self, note: dict[str, Any]) -> None:
        self.note = note
        notes = self.run.begun_with.get(NOTES, {}) | {str(self.store.pk): note}
        self.run.begun_with = self.run.begun_with | {NOTES: notes}
        CatalogueRun.objects.filter(pk=self.run.pk).update(begun_with=self.run.begun_with)

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        if not CatalogueRun.objects.filter(pk=self.run.pk, state__in=WORKING).exists():
            raise Stopped
        if self._must_end():
            raise NotYet

    def _cancel(self, gid: str) -> None:
        try:
            bulk.cancel(self.client, gid)
        except ShopifyError:
            return

    def page_instead(self, why: str) -> None:
        """From now on, for this run."""
        self._keep({PAGES: why})
        logger.warning("%s: products are listed by pages, not in bulk: %s", self.store.domain, why)
