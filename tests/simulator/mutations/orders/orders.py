"""orderUpdate, orderCancel (a job), orderClose and orderDelete (shopify.md 7.5)."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events import order_moves
from tests.simulator.events.catalogue.metafields import check_all, put_all
from tests.simulator.events.later import new_job_id
from tests.simulator.events.touch import touch
from tests.simulator.mutations.orders.customers import check_contact
from tests.simulator.mutations.orders.input import Findings, only, read_address, read_pairs, read_tags
from tests.simulator.reads.shop import number_of
from tests.simulator.staff.orders import delete_order
from tests.simulator.state.order_money import received, refunded
from tests.simulator.state.orders import CancelJob, Order
from tests.simulator.wire.problems import NotSimulatedError, user_error

UPDATE = ("customAttributes", "email", "id", "metafields", "note", "phone", "poNumber", "shippingAddress", "tags")
GONE = "Order does not exist"
LONGEST_NOTE = 255
UNDER_WAY = "Cancellation is already in progress"


def update_order(root, call: Call, arguments: dict) -> dict:
    """What is given replaces what was; null empties."""
    given, found = arguments["input"], Findings()
    only(given, UPDATE, "OrderInput")
    order = call.shop.orders.get(number_of(given["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE)]}
    check_contact(found, given.get("email"), given.get("phone"), [])
    tags = read_tags(given.get("tags"), found, ["tags"])
    address = read_address(given.get("shippingAddress"), call.shop.next_id(), found, ["shippingAddress"])
    fields, problems = check_all(call.shop, ("Order", order.id), given.get("metafields"))
    for path, message, _ in problems:
        found.refuse(["metafields", *path], message)
    if found.errors:
        errors = [user_error(error["field"], error["message"]) for error in found.errors]
        return {"order": None, "userErrors": errors}
    for name, field in (("email", "email"), ("phone", "phone"), ("note", "note"), ("poNumber", "po_number")):
        if name in given:
            setattr(order, field, given[name] or None)
    if "tags" in given:
        order.tags = tags
    if "customAttributes" in given:
        order.note_attributes = read_pairs(given["customAttributes"])
    if address is not None:
        order.shipping_address = address
    put_all(call.shop, ("Order", order.id), fields, call.now)
    touch(call.shop, call.now, order)
    return {"order": order, "userErrors": []}


def close_order(root, call: Call, arguments: dict) -> dict:
    order = call.shop.orders.get(number_of(arguments["input"]["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE)]}
    if order.closed_at is None:
        order.closed_at = call.now
        touch(call.shop, call.now, order)
    return {"order": order, "userErrors": []}


def remove_order(root, call: Call, arguments: dict) -> dict:
    """Gone for good (recorded: open and fulfilled orders alike). Not every kind of order may go."""
    order = call.shop.orders.get(number_of(arguments["orderId"], "Order"))
    if order is None:
        return {"deletedId": None, "userErrors": [user_error(["orderId"], GONE, "NOT_FOUND")]}
    try:
        delete_order(call.shop, call.simulator.clock, order, cause=f"api:{call.app.client_id}")
    except ValueError as problem:
        return {"deletedId": None, "userErrors": [user_error(["orderId"], str(problem), "INVALID")]}
    return {"deletedId": arguments["orderId"], "userErrors": []}


# Cancelling


def cancel_order(root, call: Call, arguments: dict) -> dict:
    """Answers with a job; what it does happens after `job_seconds`, or fails with `job_error` (row 30)."""
    answer = {"job": None, "jobResult": None, "orderCancelUserErrors": [], "userErrors": []}
    order = call.shop.orders.get(number_of(arguments["orderId"], "Order"))
    problem = _cancel_problem(call, order, arguments)
    if problem is not None:
        field, message, code = problem
        return {**answer, "orderCancelUserErrors": [user_error(field, message, code)],
                "userErrors": [user_error(field, message)]}  # fmt: skip
    simulator, shop = call.simulator, call.shop
    job = CancelJob(new_job_id(shop), order_id=order.id)
    shop.jobs[job.id] = job
    simulator.later.schedule(shop, lambda: _carry_out(simulator, shop, job, order, arguments))
    # It is said to be under way whatever it takes: recorded answers never say that it is done.
    shown = {"id": f"gid://shopify/Job/{job.id}", "done": False}
    return {**answer, "job": shown, "jobResult": job if shop.knobs.job_results else None}


def _cancel_problem(call: Call, order: Order | None, arguments: dict) -> tuple[list | None, str, str | None] | None:
    if order is None:
        return ["orderId"], GONE, "NOT_FOUND"
    if any(job.order_id == order.id and not job.done for job in _cancel_jobs(call.shop)):
        return None, UNDER_WAY, None
    if len(arguments.get("staffNote") or "") > LONGEST_NOTE:
        return ["staffNote"], f"Staff note is too long (maximum is {LONGEST_NOTE} characters)", "INVALID"
    method = arguments.get("refundMethod") or {}
    if method and arguments.get("refund") is not None:
        return ["refundMethod"], "Only one of refund and refundMethod can be specified", "INVALID"
    if method.get("storeCreditRefund"):
        raise NotSimulatedError("The simulator refunds to the original payment method only")
    problem = order_moves.why_not_cancelled(order)
    return (["orderId"], problem, "INVALID") if problem else None


def _cancel_jobs(shop) -> list[CancelJob]:
    return [job for job in shop.jobs.values() if isinstance(job, CancelJob)]


def _carry_out(simulator, shop, job: CancelJob, order: Order, arguments: dict) -> None:
    with shop.lock:
        problem = shop.knobs.job_error or order_moves.why_not_cancelled(order)
        if problem:
            job.end("FAILED", [user_error(None, problem, "INTERNAL_ERROR")])
            return
        method = arguments.get("refundMethod") or {}
        money = bool(arguments.get("refund") or method.get("originalPaymentMethodsRefund"))
        order_moves.cancel(
            shop,
            simulator.clock,
            order,
            restock=arguments["restock"],
            reason=arguments["reason"],
            refund_money=money and received(order).shop > refunded(order).shop,
            staff_note=arguments.get("staffNote"),
        )
        if arguments.get("notifyCustomer") and order.email:
            shop.mails.append(
                {"kind": "cancellation", "to": order.email, "order": order.name, "at": simulator.clock.whole_seconds()}
            )
        job.end("SUCCEEDED")


RESOLVERS = {
    "Mutation.orderUpdate": update_order,
    "Mutation.orderClose": close_order,
    "Mutation.orderDelete": remove_order,
    "Mutation.orderCancel": cancel_order,
    "OrderCancelJobResult.id": lambda job, call, arguments: f"gid://shopify/OrderCancelJobResult/{int(job.id[:8], 16)}",
    "OrderCancelJobResult.done": lambda job, call, arguments: job.done,
    "OrderCancelJobResult.status": lambda job, call, arguments: job.status,
    "OrderCancelJobResult.errors": lambda job, call, arguments: job.errors,
    "OrderCancelJobResult.order": lambda job, call, arguments: call.shop.orders.get(job.order_id),
}
