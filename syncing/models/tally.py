"""What happened in an hour, counted: for charts and for Prometheus, without reading a million rows again."""

from datetime import UTC, datetime

from django.db import models
from django.db.models import Q

from stores.models import Connection

FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Tally(models.Model):
    """How often `name` with this label happened in the hour that begins at `hour`; `total` sums what was measured.

    `subject` is "store 5" or "connection 7", or empty for the whole service. Of the latter, the row whose hour is
    1970-01-01 is the sum of all hours: it only grows, also when old hours are removed.
    """

    hour = models.DateTimeField()
    name = models.CharField(max_length=20)
    subject = models.CharField(max_length=40, blank=True)
    label = models.CharField(max_length=100, blank=True)
    count = models.BigIntegerField(default=0)
    total = models.FloatField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            # In the order in which a chart reads them: one name and subject, a span of hours.
            models.UniqueConstraint(fields=["name", "subject", "hour", "label"], name="one_tally_per_hour_and_label")
        ]
        indexes = [
            models.Index(fields=["hour"]),
            models.Index(fields=["hour"], condition=Q(subject__gt=""), name="tally_of_each"),  # kept for less long
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject} {self.label} at {self.hour:%Y-%m-%d %H}: {self.count}"


class RowCount(models.Model):
    """How many rows of a table in one state a connection had when the sweep counted them last.

    For pages: where they are very many, they are not counted again each time that somebody looks.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    table = models.CharField(max_length=40)
    state = models.CharField(max_length=10)
    count = models.BigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        default_permissions = ()  # nobody sees it
        constraints = [models.UniqueConstraint(fields=["connection", "table", "state"], name="row_count_once")]

    def __str__(self) -> str:
        return f"{self.table} {self.state} of connection {self.connection_id}: {self.count}"
