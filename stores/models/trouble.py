"""How a store answers lately: what its gate remembers between calls and workers."""

from django.db import models

from stores.models.store import Store


class StoreTrouble(models.Model):
    """One row for what is read from a store, one for what is written to it (stores.gates). Updated in place."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="troubles")
    is_write = models.BooleanField()
    failed_calls = models.PositiveIntegerField(default=0, help_text="In a row: failed, or answered very late.")
    failed_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    said = models.TextField(blank=True, help_text="What the last of them ended with.")
    call_began_at = models.DateTimeField(null=True, help_text="Of the oldest call that waits for its answer.")
    call_backend = models.IntegerField(null=True, help_text="The database session of the worker that waits for it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "is_write"], name="store_trouble_once")]

    def __str__(self) -> str:
        return f"{self.store}, {'writes' if self.is_write else 'reads'}"
