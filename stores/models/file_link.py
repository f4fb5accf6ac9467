"""Files that metafields refer to, videos and 3D models of products, and their copies."""

from django.db import models
from django.db.models import Q

from stores.models.store import Store


class FileLink(models.Model):
    """A file of a source that something refers to or shows, and the one copy of it that a destination has."""

    class State(models.TextChoices):
        WANTED = "wanted", "To be imported"
        PROCESSING = "processing", "Shopify is still fetching it"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    source = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="+")
    destination = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="file_links")
    source_gid = models.CharField("file in the source", max_length=64)
    destination_gid = models.CharField("file in the destination", max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WANTED)
    reason = models.CharField(max_length=500, blank=True)
    # Of what is sent through here. Before Shopify is asked to make it: since when, and what it is found by again if the
    # answer is lost; how often it was begun, so that one that kills its worker is not begun for ever.
    mark = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["destination", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["destination", "source", "source_gid"], name="file_link_once"),
            models.CheckConstraint(condition=~Q(state="ready") | ~Q(destination_gid=""), name="ready_file_is_there"),
        ]
        indexes = [
            models.Index(fields=["destination", "id"], condition=Q(state__in=("wanted", "processing")), name="file_due")
        ]

    def __str__(self) -> str:
        return f"{self.source_gid} in {self.destination}"
