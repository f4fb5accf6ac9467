"""From a change to deliveries: who subscribed, when the body is built, what is lost or doubled (rows 37, 38)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import uuid
from dataclasses import dataclass, field

from tests.simulator.payloads.payloads import BODIES, header_topic, included, passes_filter
from tests.simulator.state.apps import App
from tests.simulator.state.clock import Clock, iso_nanoseconds
from tests.simulator.state.shop import Shop, Subscription

# Gaps before the 8 retries; together 4 hours (shopify.md 4.4).
RETRY_GAPS = (60, 180, 420, 900, 1800, 2880, 3600, 4560)


@dataclass(slots=True, eq=False)
class Delivery:
    """One webhook on its way: the ORIGINAL address and, once built, the ORIGINAL body go with every retry."""

    number: int  # for tests and the control API
    shop: Shop
    subscription: Subscription
    uri: str
    topic: str
    subject: tuple
    event_id: str
    triggered_at: float
    serialise_at: float
    deliver_after: float  # seconds from serialisation to the first attempt
    due_at: float
    webhook_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    body: bytes | None = None
    attempts: int = 0
    state: str = "pending"  # pending | delivered | dropped | skipped | abandoned
    last_status: int | str | None = None
    duplicate: bool = False

    def describe(self) -> dict:
        return {
            "number": self.number,
            "topic": header_topic(self.topic),
            "subject": list(self.subject),
            "webhook_id": self.webhook_id,
            "event_id": self.event_id,
            "uri": self.uri,
            "due_at": self.due_at,
            "attempts": self.attempts,
            "state": self.state,
            "last_status": self.last_status,
            "duplicate": self.duplicate,
            "body": None if self.body is None else json.loads(self.body),
        }

    def build(self) -> bool:
        """Builds the body from the state as it is NOW; False when there is nothing to tell (gone, filtered)."""
        if self.body is not None:
            return True
        with self.shop.lock:
            body = BODIES[self.topic](self.shop, *self.subject)
            if body is None or not passes_filter(self.subscription.filter, body):
                self.state = "skipped"
                return False
            body = included(body, self.subscription.include_fields)
        self.body = json.dumps(body, separators=(",", ":")).encode()
        return True

    def headers(self) -> dict[str, str]:
        """All headers of shopify.md 4.4."""
        app = self.shop.apps[self.subscription.client_id]
        found = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": header_topic(self.topic),
            "X-Shopify-Shop-Domain": self.shop.domain,
            "X-Shopify-API-Version": app.webhook_version,
            "X-Shopify-Webhook-Id": self.webhook_id,
            "X-Shopify-Event-Id": self.event_id,
            "X-Shopify-Triggered-At": iso_nanoseconds(self.triggered_at),
            "X-Shopify-Hmac-Sha256": signature(app, self.body or b"", corrupt=self.shop.knobs.corrupt_signature),
        }
        if self.subscription.name:
            found["X-Shopify-Name"] = self.subscription.name
        return found


def signature(app: App, body: bytes, *, corrupt: bool = False) -> str:
    """Signed with the oldest secret that is not revoked (shopify.md 4.4, row 39)."""
    digest = hmac.new(app.secrets[0].encode(), body, hashlib.sha256).digest()
    if corrupt:
        digest = digest[::-1]
    return base64.b64encode(digest).decode()


class Webhooks:
    """Turns events into deliveries; `courier` takes those of shops that deliver by themselves."""

    def __init__(self, clock: Clock, courier):
        self.clock = clock
        self.courier = courier
        self.pending: dict[str, dict[int, Delivery]] = {}  # manual shops: domain -> number -> delivery
        self._numbers = itertools.count(1)

    def publish(self, shop: Shop, events: list[tuple[str, tuple]]) -> None:
        """One action's events: all its deliveries carry the same event id. The shop's lock is held."""
        if not shop.subscriptions:
            return
        by_topic: dict[str, list[Subscription]] = {}
        for subscription in shop.subscriptions.values():
            by_topic.setdefault(subscription.topic, []).append(subscription)
        event_id, now = str(uuid.uuid4()), self.clock.seconds()
        made = [
            self._delivery(shop, subscription, subject, event_id, now)
            for topic, subject in events
            for subscription in by_topic.get(topic, ())
        ]
        if made:
            self._send_off(shop, made)

    def _delivery(self, shop: Shop, subscription: Subscription, subject: tuple, event_id: str, now: float) -> Delivery:
        knobs = shop.knobs
        low, high = knobs.deliver_delay_seconds
        wait = shop.random.uniform(low, high) if high else low
        serialise_at = now + (knobs.serialise_delay_seconds or 0.0)
        delivery = Delivery(
            next(self._numbers),
            shop,
            subscription,
            subscription.uri,
            subscription.topic,
            subject,
            event_id,
            now,
            serialise_at,
            wait,
            serialise_at + wait,
        )
        if knobs.serialise_delay_seconds is None:
            delivery.build()
        return delivery

    def _send_off(self, shop: Shop, made: list[Delivery]) -> None:
        knobs, kept = shop.knobs, []
        for delivery in made:
            if delivery.state == "skipped":
                continue
            if knobs.drop_probability and shop.random.random() < knobs.drop_probability:
                self._drop(delivery)
                continue
            kept.append(delivery)
            if knobs.duplicate_probability and shop.random.random() < knobs.duplicate_probability:
                kept.append(self.duplicate_of(delivery))
        if knobs.manual_deliveries:
            waiting = self.pending.setdefault(shop.domain, {})
            waiting.update((delivery.number, delivery) for delivery in kept)
        else:
            self.courier.take(kept)

    def _drop(self, delivery: Delivery) -> None:
        delivery.state = "dropped"
        delivery.shop.counters.deliveries["dropped"] += 1

    def duplicate_of(self, delivery: Delivery) -> Delivery:
        """The same webhook once more: same Webhook-Id, same Event-Id (row 38)."""
        copy = Delivery(
            next(self._numbers),
            delivery.shop,
            delivery.subscription,
            delivery.uri,
            delivery.topic,
            delivery.subject,
            delivery.event_id,
            delivery.triggered_at,
            delivery.serialise_at,
            delivery.deliver_after,
            delivery.due_at,
            webhook_id=delivery.webhook_id,
            body=delivery.body,
            duplicate=True,
        )
        delivery.shop.counters.deliveries["duplicated"] += 1
        return copy

    # Manual shops

    def waiting(self, shop: Shop) -> list[Delivery]:
        """What pump() could deliver, oldest first."""
        return list(self.pending.get(shop.domain, {}).values())

    def serialise(self, shop: Shop) -> None:
        """Builds the bodies of everything that waits, from the state as it is now."""
        for delivery in self.waiting(shop):
            if not delivery.build():
                self.pending[shop.domain].pop(delivery.number, None)

    def drop(self, shop: Shop, numbers: list[int]) -> None:
        for number in numbers:
            self._drop(self.pending[shop.domain].pop(number))

    def delay(self, shop: Shop, numbers: list[int], seconds: float) -> None:
        """Not due before the clock has moved on by this much."""
        for number in numbers:
            self.pending[shop.domain][number].due_at = self.clock.seconds() + seconds

    def pump(self, shop: Shop, numbers: list[int] | None = None) -> list[Delivery]:
        """Delivers now and in this thread: those numbers in that order, twice when named twice; None: all that is due.

        A failed one stays, due again after its retry gap.
        """
        waiting = self.pending.setdefault(shop.domain, {})
        if numbers is None:
            now = self.clock.seconds()
            chosen = [delivery for delivery in waiting.values() if delivery.due_at <= now]
        else:
            known = {delivery.number: delivery for delivery in waiting.values()}
            chosen = [known[number] for number in numbers]
        sent = []
        for delivery in chosen:
            again = delivery.state == "delivered"
            attempt = self.duplicate_of(delivery) if again else delivery
            self.courier.attempt(attempt)
            if attempt.state != "pending":
                waiting.pop(attempt.number, None)
            sent.append(attempt)
        return sent

    def release(self, shop: Shop) -> None:
        """Hands everything that waits to the courier: the shop delivers by itself again."""
        self.courier.take(list(self.pending.pop(shop.domain, {}).values()))
