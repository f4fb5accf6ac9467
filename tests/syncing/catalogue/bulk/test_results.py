"""What Shopify says of many lines is taken down at once, each as if it had been a call by itself."""

from datetime import timedelta

import pytest
from django.db import connection as db
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stores.models import ProductLink
from stores.shopify.products.bulk_writes import LineResult
from syncing.catalogue.bulk import following, results
from syncing.models import BulkLine, BulkOperation, CatalogueRunItem
from tests.support.catalogue.bulk import Repricing


@pytest.fixture
def begun(showroom, settings, monkeypatch) -> Repricing:
    """A re-pricing of seven products that Shopify is at."""
    monkeypatch.setattr(following, "FIRST_SECONDS", 0.0)
    prepared = Repricing(showroom(), settings, 7)
    prepared.room.destination.shop.knobs.bulk_delay_seconds = 3600.0
    prepared.begin()
    while not BulkOperation.objects.filter(state="running").exists():
        prepared.room.sweep()
    return prepared


def take_down(lines: list[BulkLine], **said) -> tuple[int, list[ProductLink]]:
    """Have it said of these lines that they are done; how many statements that takes, and who was edited since."""
    told = [LineResult(line.number, product_gid=line.destination_gid, at=timezone.now(), **said) for line in lines]
    with CaptureQueriesContext(db) as captured:
        edited = results.remember(BulkOperation.objects.select_related("run__connection").get(), told)
    return len(captured), edited


def items() -> QuerySet[CatalogueRunItem]:
    return CatalogueRunItem.objects.filter(run__kind="prices").order_by("source_gid")


def outcomes() -> list[str]:
    return list(items().values_list("outcome", flat=True))


def test_many_lines_take_no_more_statements_than_one(begun):
    lines = list(BulkLine.objects.order_by("source_gid"))
    assert take_down(lines[:1])[0] == take_down(lines[1:])[0]
    assert outcomes() == ["done"] * 7
    assert set(begun.line_states()) == {"done"}
    links = ProductLink.objects.exclude(fingerprint="")
    assert {row["field"] for item in items() for row in item.differences} == {"price"}
    assert links.filter(state="linked", synced_at__isnull=False).count() == 7
    assert take_down(lines)[1] == []  # once, whatever is repeated
    assert BulkOperation.objects.get().done == 7


def test_what_was_decided_refused_or_edited_meanwhile_is_told_apart(begun):
    lines = list(BulkLine.objects.order_by("source_gid"))
    ProductLink.objects.filter(source_gid=lines[0].source_gid).update(state="unlinked")
    take_down(lines[1:2], refusal="No.")
    BulkLine.objects.filter(pk=lines[2].pk).update(changed_there_at=timezone.now() + timedelta(minutes=1))
    _, edited = take_down([lines[0], *lines[2:]])
    assert [link.source_gid for link in edited] == [lines[2].source_gid]
    assert outcomes() == ["planned", "planned", *["done"] * 5]  # its run looks at those two by itself
    assert (
        list(BulkLine.objects.order_by("source_gid").values_list("state", flat=True))
        == ["done", "refused"] + ["done"] * 5
    )
    marks = ProductLink.objects.order_by("source_gid").values_list("fingerprint", flat=True)
    assert [bool(mark) for mark in marks][2:] == [False, True, True, True, True]
