"""The workers: on which machines they are, and when they last showed that they work."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from syncing.models import Cluster
from syncing.monitoring import service_status
from syncing.queue import fitness
from tiposync.console.kit import markup
from tiposync.console.kit.pages import ReadOnlyPage


class AliveFilter(DropdownFilter):
    """Who has shown a sign of life lately."""

    title = "sign of life"
    parameter_name = "alive"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Lately"), ("no", "None for too long")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Cluster]) -> QuerySet[Cluster]:
        alive = service_status.alive_clusters().values("pk")
        conditions = {"yes": queryset.filter(pk__in=alive), "no": queryset.exclude(pk__in=alive)}
        return conditions.get(self.value() or "", queryset)


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyPage):
    """One row per process that keeps workers."""

    intro = (
        "One row for each running “manage.py work”: on which machine, how many workers it keeps, and when one of them "
        "last executed something. What has been silent for a day disappears."
    )
    empty_title = "No worker has ever run"
    empty_text = "Start one with “manage.py work”: the Procfile has the line. Until then webhooks are only recorded."
    list_display = ["host", "shown_alive", "worker_count", "process", "shown_first_seen", "shown_beat"]
    list_filter = [AliveFilter]
    list_filter_submit = True
    fieldsets = [
        ("Workers", {"fields": ["host", "process", "worker_count", "first_seen_at", "shown_alive", "beat_at"]})
    ]

    @display(description="Status")
    def shown_alive(self, cluster: Cluster) -> str:
        is_alive = cluster.beat_at > service_status.alive_since()
        if is_alive and cluster.rules < fitness.RULES_VERSION:
            return markup.pill(markup.BAD, "Refused", "Of an earlier release: they do nothing. Stop them")
        return markup.pill(markup.GOOD, "Alive") if is_alive else markup.pill(markup.BAD, "Silent", "Ended, or stuck")

    @display(description="First seen", ordering="first_seen_at")
    def shown_first_seen(self, cluster: Cluster) -> str:
        return markup.ago(cluster.first_seen_at)

    @display(description="Last sign of life", ordering="beat_at")
    def shown_beat(self, cluster: Cluster) -> str:
        return markup.ago(cluster.beat_at)
