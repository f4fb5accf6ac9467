"""The control API's switches: faults, knobs, clock, tokens, webhooks, counters and logs."""

from __future__ import annotations

from dataclasses import asdict, fields

from tests.simulator.control.looks import numbers
from tests.simulator.state.shop import Counters, Knobs
from tests.simulator.wire.faults import KINDS

TUPLES = {"deliver_delay_seconds"}


# Faults, knobs, clock, tokens


def add_fault(sim, domain: str, kind: str, **given) -> dict:
    return sim.fault(domain, kind, **given).describe()


def list_faults(sim, domain: str) -> dict:
    return {"kinds": list(KINDS), "planned": [fault.describe() for fault in sim.faults(sim.shops[domain]).listed()]}


def clear_faults(sim, domain: str) -> dict:
    sim.faults(sim.shops[domain]).clear()
    return {}


def read_knobs(sim, domain: str) -> dict:
    return asdict(sim.shops[domain].knobs)


def set_knobs(sim, domain: str, **knobs) -> dict:
    shop = sim.shops[domain]
    known = {field.name for field in fields(Knobs)}
    if set(knobs) - known:
        raise ValueError(f"unknown knobs {sorted(set(knobs) - known)}; known: {sorted(known)}")
    for name, value in knobs.items():
        setattr(shop.knobs, name, tuple(value) if name in TUPLES else value)
    if "manual_deliveries" in knobs:
        sim.set_manual(domain, bool(knobs["manual_deliveries"]))
    return asdict(shop.knobs)


def set_points(sim, domain: str, points: float) -> dict:
    sim.set_points(domain, float(points))
    return {}


def set_plan(sim, domain: str, plan: str) -> dict:
    sim.set_plan(domain, plan)
    return asdict(sim.shops[domain].knobs)


def read_clock(sim) -> dict:
    return {"now": sim.clock.now().isoformat(), "seconds": sim.clock.seconds()}


def advance_clock(sim, seconds: float) -> dict:
    sim.clock.advance(float(seconds))
    return read_clock(sim)


def add_app(sim, domain: str, client_id: str, secret: str, redirects: list[str]) -> dict:
    """An app of another organisation, to be installed on the authorization page."""
    sim.add_app(domain, client_id, secret, redirects)
    return {}


def expire_tokens(sim, domain: str) -> dict:
    sim.expire_tokens(domain)
    return {}


def revoke_tokens(sim, domain: str) -> dict:
    sim.revoke_tokens(domain)
    return {}


def rename(sim, domain: str, new: str) -> dict:
    """The store's permanent name is `new` from now on."""
    sim.rename_shop(domain, new)
    return {}


def delete_subscriptions(sim, domain: str, topic: str | None = None) -> dict:
    """As Shopify does after repeated failures: all of them, or those of a topic such as ORDERS_CREATE."""
    shop = sim.shops[domain]
    with shop.lock:
        for row in list(shop.subscriptions.values()):
            if topic in (None, row.topic):
                del shop.subscriptions[row.id]
    return {}


def uninstall(sim, domain: str) -> dict:
    sim.uninstall(domain)
    return {}


def install(sim, domain: str) -> dict:
    sim.install(domain)
    return {}


def set_scopes(sim, domain: str, scopes: list[str]) -> dict:
    sim.set_scopes(domain, scopes)
    return {"scopes": sorted(scopes)}


def rotate_secret(sim, domain: str, secret: str) -> dict:
    sim.rotate_secret(domain, secret)
    return {}


def revoke_old_secret(sim, domain: str) -> dict:
    sim.revoke_old_secret(domain)
    return {}


# Webhooks, counters, logs


def subscribe(sim, domain: str, topic: str, uri: str) -> dict:
    return asdict(sim.subscribe(domain, topic, uri))


def list_subscriptions(sim, domain: str) -> list[dict]:
    return [asdict(row) for row in sim.shops[domain].subscriptions.values()]


def list_deliveries(sim, domain: str) -> list[dict]:
    """What waits for pump, and what the courier still has to send."""
    courier = [delivery for delivery in sim.courier.pending() if delivery.shop.domain == domain]
    return [delivery.describe() for delivery in [*sim.deliveries(domain), *courier]]


def pump(sim, domain: str, deliveries: list | None = None) -> list[dict]:
    chosen = None if deliveries is None else numbers(deliveries)
    return [delivery.describe() for delivery in sim.pump(domain, chosen)]


def serialise(sim, domain: str) -> dict:
    sim.serialise(domain)
    return {}


def drop(sim, domain: str, deliveries: list) -> dict:
    sim.drop(domain, numbers(deliveries))
    return {}


def delay(sim, domain: str, deliveries: list, seconds: float) -> dict:
    sim.delay(domain, numbers(deliveries), float(seconds))
    return {}


def wait_idle(sim, timeout: float = 30.0) -> dict:
    """Until every delivery that is due has been tried."""
    return {"idle": sim.courier.wait_idle(float(timeout))}


def read_counters(sim, domain: str | None = None) -> dict:
    return {shop.domain: _counters(shop.counters) for shop in sim.shops.values() if domain in (None, shop.domain)}


def _counters(counters: Counters) -> dict:
    found = {field.name: getattr(counters, field.name) for field in fields(Counters)}
    return {name: dict(value) if isinstance(value, dict) else value for name, value in found.items()}


def reset_counters(sim, domain: str | None = None) -> dict:
    sim.reset_counters(domain)
    return {}


def read_log(sim, domain: str, limit: int = 200) -> dict:
    """The newest requests and webhook attempts, oldest first."""
    shop, count = sim.shops[domain], int(limit)
    return {"requests": list(shop.request_log)[-count:], "webhooks": list(shop.webhook_log)[-count:]}
