"""Where Shopify's webhooks arrive, and the probes of a supervisor."""

import logging
import secrets as secrets_module
import time

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from stores.models import Store
from stores.shopify import webhooks as wire
from syncing.webhooks import inbox

logger = logging.getLogger(__name__)

# A rotated secret or a new store is known to every web process within this many seconds.
STORE_SECONDS = 5
RETRY_SECONDS = 60
NOBODYS = secrets_module.token_hex()  # signs nothing
MOST_SHOWN_CHARACTERS = 100  # characters of what a stranger sent
_stores: dict[str, tuple[float, int, list[str]]] = {}


@csrf_exempt
@require_POST
def receive_webhook(request: HttpRequest) -> HttpResponse:
    """Verify on the raw bytes, store once, answer 200 after the commit; the work is done later.

    413 too large; 411 in chunks, whose length nobody knows; 401 without a well-formed signature (before the database is
    asked anything), with a wrong one, or for a store that we do not know, which strangers need not learn; 400 without a
    webhook id or topic, or for half a body; 408 for one that takes too long; 503 while the database cannot take it, or
    the key of the store's secret is missing. Shopify repeats whatever is not 2xx for 4 hours.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.WEBHOOK_MAX_BYTES:  # digits: middleware.size saw to that
        return HttpResponse("The body is too large.", status=413, content_type="text/plain")
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return _refuse("Send it with a Content-Length, not in chunks.", 411)
    headers = wire.read_headers(request.headers)
    if wire.parse_signature(headers.signature) is None:
        return _refuse("The signature header is missing or malformed.", 401)
    try:
        body = request.body
    except UnreadablePostError as error:
        if is_too_slow(error):
            return _refuse("The body took too long.", 408)
        return _refuse("The body broke off.", 400)
    try:
        return _store_delivery(headers, body)
    except (DatabaseError, ImproperlyConfigured) as error:  # Shopify sends it again: nothing is lost for 4 hours
        logger.error("A webhook could not be stored: %s", type(error).__name__, exc_info=error)
        answer = HttpResponse("It cannot be stored now. Send it again.", status=503, content_type="text/plain")
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer


def is_too_slow(error: BaseException | None) -> bool:
    """Whether a body could not be read because it did not arrive in time; Django wraps the reason, even twice."""
    return error is not None and (isinstance(error, TimeoutError) or is_too_slow(error.__cause__))


def _store_delivery(headers: wire.DeliveryHeaders, body: bytes) -> HttpResponse:
    known = _find_store(headers.domain)
    store_id, secrets = known or (0, [NOBODYS])  # compared all the same: the time taken tells nothing either
    if not wire.verify(body, headers.signature, secrets) or known is None:
        why = "" if known else " This store is not known here."
        return _refuse("The signature does not fit.", 401, f"{why} ({headers.domain[:MOST_SHOWN_CHARACTERS]!r})")
    if not headers.webhook_id or not headers.topic:
        return _refuse("The webhook id or the topic is missing.", 400)
    text = body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    inbox.record(
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


def _refuse(message: str, status: int, only_logged: str = "") -> HttpResponse:
    logger.warning("A webhook was refused: %s%s", message, only_logged)
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
