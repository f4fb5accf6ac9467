"""What a job is about, as links to the pages of those things."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model, Q

from orders.models import OrderImport
from stores.models import ProductLink, ResourceLink
from syncing.models import CatalogueRun, Reconciliation, SyncJob
from tiposync.console.kit import markup


def _links(model: type[Model], job: SyncJob, gid: str) -> Model | None:
    rows = model._default_manager.filter(Q(source_gid=gid) | Q(destination_gid=gid))
    return (rows.filter(connection=job.connection) if job.connection_id else rows).first()


def _order(job: SyncJob, gid: str) -> Model | None:
    return OrderImport.objects.filter(connection=job.connection, order_gid=gid).first()


# By the argument of the job that names it.
_FINDERS: dict[str, Callable[[SyncJob, Any], Model | None]] = {
    "order_gid": _order,
    "order_import": lambda job, pk: OrderImport.objects.filter(pk=pk).first(),
    "product_gid": lambda job, gid: _links(ProductLink, job, gid),
    "collection_gid": lambda job, gid: _links(ResourceLink, job, gid),
    "run": lambda job, pk: CatalogueRun.objects.filter(pk=pk).first(),
    "reconciliation": lambda job, pk: Reconciliation.objects.filter(pk=pk).first(),
}


def things_of(job: SyncJob) -> str:
    """Links to the order, product, run or reconciliation that a job is about, and to its connection or store."""
    found = [find(job, job.arguments[name]) for name, find in _FINDERS.items() if job.arguments.get(name)]
    shown = [markup.page_of(row) for row in (*found, job.connection or job.store) if row]
    return markup.joined(shown, " · ") if shown else job.subject or markup.NOTHING
