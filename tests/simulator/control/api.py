"""The control API: JSON over HTTP at /_control/…, for tests in other processes, benchmarks, scripts and the pages.

GET takes its arguments from the query string, POST from a JSON object. `domain` names the shop; ids are numbers,
texts of digits or gids. Errors: 400 with {"error": …}. GET /_control/help lists every call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields

from tests.simulator.control import catalogue as catalog
from tests.simulator.control import looks, moves, orders, switches
from tests.simulator.state.knobs import Knobs

Calls = dict[str, Callable[..., object]]

GET: Calls = {
    "shops": looks.list_shops,
    "locations": looks.list_locations,
    "variants": looks.list_variants,
    "levels": looks.list_levels,
    "level": looks.read_level,
    "changes": looks.list_changes,
    "sums": looks.sum_changes,
    "orders": orders.list_orders,
    "order": orders.read_order,
    "drafts": orders.list_drafts,
    "customers": orders.list_customers,
    "mails": orders.list_mails,
    "faults": switches.list_faults,
    "knobs": switches.read_knobs,
    "clock": switches.read_clock,
    "subscriptions": switches.list_subscriptions,
    "deliveries": switches.list_deliveries,
    "idle": switches.wait_idle,
    "counters": switches.read_counters,
    "log": switches.read_log,
    **catalog.GET,
}
POST: Calls = {
    "set": moves.set_level,
    "adjust": moves.adjust_level,
    "set_many": moves.set_levels,
    "activate": moves.activate_level,
    "deactivate": moves.deactivate_level,
    "buy": orders.buy,
    "fulfil": orders.fulfil_order,
    "cancel_fulfilments": orders.cancel_fulfilments,
    "cancel": orders.cancel_order,
    "refund": orders.refund_order,
    "place_order": orders.place_order,
    "pay": orders.pay_order,
    "edit": orders.edit_order,
    "exchange": orders.exchange,
    "return": orders.return_goods,
    "move": orders.move_order,
    "tracking": orders.change_tracking,
    "complete_draft": orders.complete_draft,
    "delete_draft": orders.delete_draft,
    "change_draft": orders.change_draft,
    "delete_order": orders.delete_order,
    "order_words": orders.change_words,
    "product": moves.change_product,
    "variant": moves.change_variant,
    "location": moves.change_location,
    "share": moves.share_item,
    "add_product": moves.add_product,
    "add_variant": moves.add_variant,
    "delete_product": moves.delete_product,
    "delete_variant": moves.delete_variant,
    "fault": switches.add_fault,
    "clear_faults": switches.clear_faults,
    "knobs": switches.set_knobs,
    "points": switches.set_points,
    "plan": switches.set_plan,
    "advance": switches.advance_clock,
    "app": switches.add_app,
    "expire_tokens": switches.expire_tokens,
    "revoke_tokens": switches.revoke_tokens,
    "rename": switches.rename,
    "delete_subscriptions": switches.delete_subscriptions,
    "uninstall": switches.uninstall,
    "install": switches.install,
    "scopes": switches.set_scopes,
    "rotate_secret": switches.rotate_secret,
    "revoke_old_secret": switches.revoke_old_secret,
    "subscribe": switches.subscribe,
    "pump": switches.pump,
    "serialise": switches.serialise,
    "drop": switches.drop,
    "delay": switches.delay,
    "reset_counters": switches.reset_counters,
    **catalog.POST,
}


def describe_calls() -> dict[str, list[str]]:
    """What GET /_control/help answers: the calls, and the knobs of POST knobs as they stand at first."""

    def line(name: str, function: Callable) -> str:
        parameters = str(inspect.signature(function)).partition(" -> ")[0]
        return f"{name}{parameters}".replace("(sim, ", "(").replace("(sim)", "()")

    return {
        "GET": [line(name, function) for name, function in GET.items()],
        "POST": [line(name, function) for name, function in POST.items()],
        "KNOBS": [f"{one.name}={getattr(Knobs(), one.name)!r}" for one in fields(Knobs)],
    }


def handle(sim, method: str, name: str, given: object) -> tuple[int, object]:
    """(HTTP status, JSON body)."""
    if name == "help":
        return 200, describe_calls()
    function = (GET if method == "GET" else POST).get(name)
    if function is None:
        return 404, {"error": f"no such call: {method} {name}; see /_control/help"}
    if not isinstance(given, dict):
        return 400, {"error": "arguments come as a JSON object"}
    try:
        inspect.signature(function).bind(sim, **given)
        return 200, function(sim, **given)
    except (KeyError, TypeError, ValueError) as problem:
        return 400, {"error": f"{type(problem).__name__}: {problem}"}
