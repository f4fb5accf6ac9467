"""What machines ask: /healthz, /readyz and /metrics."""

import hmac
import logging
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection as db
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from syncing.models import Heartbeat, WebhookEvent
from syncing.monitoring import alerts, metrics, service_problems
from syncing.queue import heartbeats

logger = logging.getLogger(__name__)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process answers at all."""
    return HttpResponse("OK", content_type="text/plain")


@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the database answers, workers are alive and all scheduled work happens; 503 and the reasons if not.

    What only makes work slower stands under warnings: 503 would have requests sent elsewhere, which helps nobody.
    """
    warnings: list[str] = []
    found: list[str] = []
    try:
        found = _why_unready()
        if found:
            alerts.sound_alarm()
    except DatabaseFailure as error:
        logger.error("The database does not answer: %s", error)
        found = found or [f"The database does not answer ({type(error).__name__})."]
    answer = {"ready": not found, "problems": found, "warnings": warnings}
    return JsonResponse(answer, status=503 if found else 200)


def _why_unready() -> list[str]:
    with db.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")  # also on a standby
        if cursor.fetchone()[0] == "on":
            return ["The database is read-only: webhooks are refused until it takes changes."]
    now = timezone.now()
    overdue = heartbeats.find_overdue(now)
    found = []
    if heartbeats.QUEUE in overdue or not Heartbeat.objects.filter(name=heartbeats.QUEUE).exists():
        found.append("No worker has shown itself lately: is `manage.py work` running?")
    found += [service_problems.words_of_overdue(name, at) for name, at in overdue.items() if name != heartbeats.QUEUE]
    oldest = WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).order_by("pk").first()
    if oldest and now - oldest.received_at > timedelta(minutes=5):
        found.append(f"A webhook has waited since {oldest.received_at:%Y-%m-%d %H:%M:%S} UTC.")
    return found


@require_GET
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. With METRICS_TOKEN set it asks for it; without, it is there in development only."""
    wanted, given = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    if not wanted and not settings.DEBUG:
        return HttpResponse("METRICS_TOKEN is not set.", status=404, content_type="text/plain")
    if wanted and not hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        return HttpResponse("The token does not fit.", status=401, content_type="text/plain")
    return HttpResponse(metrics.render(), content_type="text/plain; version=0.0.4; charset=utf-8")
