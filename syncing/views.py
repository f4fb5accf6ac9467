"""Where Shopify's webhooks arrive, and the probes of a supervisor."""

import hmac
import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from stores.models import Store
from stores.shopify import webhooks as wire
from syncing import alerts, metrics, problems, pulse, webhooks
from syncing.models import Heartbeat, WebhookEvent

logger = logging.getLogger(__name__)

# A rotated secret or a new store is known to every web process within this many seconds.
STORE_SECONDS = 5
_stores: dict[str, tuple[float, int, list[str]]] = {}


@csrf_exempt
@require_POST
def receive_webhook(request: HttpRequest) -> HttpResponse:
    """Verify on the raw bytes, store once, answer 200 after the commit; the work is done later.

    413 too large; 401 without a well-formed signature (before the database is asked anything) or with a wrong one; 404
    for a store we do not know; 400 without a webhook id or topic, or for half a body. Shopify repeats whatever is not
    2xx for 4 hours.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.WEBHOOK_MAX_BYTES:  # digits: middleware.size saw to that
        return HttpResponse("The body is too large.", status=413, content_type="text/plain")
    headers = wire.read_headers(request.headers)
    if wire.parse_signature(headers.signature) is None:
        return _refuse("The signature header is missing or malformed.", 401)
    try:
        body = request.body
    except UnreadablePostError:
        return _refuse("The body broke off.", 400)
    known = _find_store(headers.domain)
    if known is None:
        return _refuse("This store is not known here.", 404)
    store_id, secrets = known
    if not wire.verify(body, headers.signature, secrets):
        return _refuse("The signature does not fit.", 401)
    if not headers.webhook_id or not headers.topic:
        return _refuse("The webhook id or the topic is missing.", 400)
    text = body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    webhooks.record(
        store_id,
        headers.webhook_id[:100],
        headers.topic[:100],
        text,
        headers.event_id[:100],
        headers.triggered_at,
        headers.api_version[:20],
    )
    logger.info(
        "%s received",
        headers.topic,
        extra={"store": headers.domain, "correlation": headers.webhook_id, "bytes": len(body)},
    )
    return HttpResponse("OK", content_type="text/plain")


def _refuse(message: str, status: int) -> HttpResponse:
    logger.warning("A webhook was refused: %s", message)
    return HttpResponse(message, status=status, content_type="text/plain")


def _find_store(domain: str) -> tuple[int, list[str]] | None:
    """A store's id and secrets, remembered for a few seconds: a burst asks the database once."""
    # Spelt in one way: whoever sends a domain in a thousand spellings must not fill our memory.
    now, domain = time.monotonic(), domain.lower()
    known = _stores.get(domain)
    if known is None or known[0] < now:
        store = Store.objects.filter(domain=domain).first()
        if store is None:
            return None
        known = _stores[domain] = (now + STORE_SECONDS, store.pk, store.webhook_secrets())
    return known[1], known[2]


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
    try:
        if found := _why_unready():
            alerts.sound_alarm()
    except DatabaseFailure as error:
        logger.error("The database does not answer: %s", error)
        found = [f"The database does not answer ({type(error).__name__})."]
    answer = {"ready": not found, "problems": found, "warnings": warnings}
    return JsonResponse(answer, status=503 if found else 200)


def _why_unready() -> list[str]:
    now = timezone.now()
    overdue = pulse.find_overdue(now)
    found = []
    if pulse.QUEUE in overdue or not Heartbeat.objects.filter(name=pulse.QUEUE).exists():
        found.append("No worker has shown itself lately: is `manage.py work` running?")
    found += [problems.words_of_overdue(name, at) for name, at in overdue.items() if name != pulse.QUEUE]
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
