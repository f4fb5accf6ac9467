"""Who changed what in the configuration, and when: written by the database itself, whoever makes the change."""

from django.db import models


class ConfigurationChange(models.Model):
    """One change of one row of the configuration. Append-only: written by triggers (stores.history), never by code.

    `fields` is {column: [before, after]}; of secrets it only says that they changed. `author` is the signed-in user
    of the console; empty for changes from elsewhere, which `program` then names.
    """

    class Kind(models.TextChoices):
        INSERT = "insert", "Added"
        UPDATE = "update", "Changed"
        DELETE = "delete", "Removed"

    at = models.DateTimeField(db_index=True)
    author = models.CharField(max_length=150, blank=True)
    program = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    table = models.CharField(max_length=100)
    row_id = models.CharField(max_length=40)
    row_name = models.CharField(max_length=255, blank=True)
    fields = models.JSONField(default=dict)

    class Meta:
        verbose_name = "change"
        verbose_name_plural = "audit log"
        ordering = ["-id"]
        indexes = [models.Index(fields=["table", "row_id"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.row_name}"
