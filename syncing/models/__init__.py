"""The traffic: what came in, what must be done, and every unit that moved."""

from syncing.models.alert import Alert, AlertChannel, AlertMessage
from syncing.models.bulk import BulkLine, BulkOperation
from syncing.models.catalogue import CatalogueRun, CatalogueRunItem
from syncing.models.event import WebhookEvent
from syncing.models.hold import HoldCause, StockHold
from syncing.models.job import Cluster, Heartbeat, SyncJob
from syncing.models.ledger import StockAdjustment, StockBatch
from syncing.models.privacy import PrivacyRequest
from syncing.models.reconciliation import RecentChanges, Reconciliation, StockBurst
from syncing.models.searched import ChangedTexts, ProductTexts, RunItemTexts, VariantTexts
from syncing.models.stock import StockLevel, StockLink, StockObservation
from syncing.models.tally import RowCount, Tally

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "BulkLine",
    "BulkOperation",
    "CatalogueRun",
    "CatalogueRunItem",
    "ChangedTexts",
    "Cluster",
    "Heartbeat",
    "HoldCause",
    "PrivacyRequest",
    "ProductTexts",
    "RecentChanges",
    "Reconciliation",
    "RowCount",
    "RunItemTexts",
    "StockAdjustment",
    "StockBatch",
    "StockBurst",
    "StockHold",
    "StockLevel",
    "StockLink",
    "StockObservation",
    "SyncJob",
    "Tally",
    "VariantTexts",
    "WebhookEvent",
]
