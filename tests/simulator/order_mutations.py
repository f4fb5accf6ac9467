"""orderUpdate, orderCancel (a job), orderClose, orderMarkAsPaid, tagsAdd and tagsRemove (facts 7.5)."""

from __future__ import annotations

import uuid

from . import order_moves
from .call import Call
from .metafields import check_metafields, write_metafields
from .order_customers import check_contact
from .order_input import Findings, only, read_address, read_pairs, read_tags
from .order_money import received, refunded
from .order_state import Customer, Draft, Job, Order
from .problems import NotSimulatedError, user_error
from .reads import find_node, number_of

UPDATE = ("customAttributes", "email", "id", "metafields", "note", "phone", "poNumber", "shippingAddress", "tags")
GONE = "Order does not exist"
LONGEST_NOTE = 255


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
    for path, message in check_metafields(call, "ORDER", given.get("metafields") or [], order):
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
    write_metafields(call, "ORDER", order, given.get("metafields") or [])
    order_moves.touch(call.shop, call.simulator.clock, order)
    return {"order": order, "userErrors": []}


def mark_as_paid(root, call: Call, arguments: dict) -> dict:
    order = call.shop.orders.get(number_of(arguments["input"]["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE)]}
    try:
        order_moves.pay(call.shop, call.simulator.clock, order, "manual")
    except ValueError as problem:
        return {"order": None, "userErrors": [user_error(["id"], str(problem))]}
    return {"order": order, "userErrors": []}


def close_order(root, call: Call, arguments: dict) -> dict:
    order = call.shop.orders.get(number_of(arguments["input"]["id"], "Order"))
    if order is None:
        return {"order": None, "userErrors": [user_error(["id"], GONE)]}
    if order.closed_at is None:
        order.closed_at = call.now
        order_moves.touch(call.shop, call.simulator.clock, order)
    return {"order": order, "userErrors": []}


# Tags


def add_tags(root, call: Call, arguments: dict) -> dict:
    return _change_tags(call, arguments, lambda old, new: [*old, *new])


def remove_tags(root, call: Call, arguments: dict) -> dict:
    def without(old: list[str], new: list[str]) -> list[str]:
        gone = {tag.casefold() for tag in new}
        return [tag for tag in old if tag.casefold() not in gone]

    return _change_tags(call, arguments, without)


def _change_tags(call: Call, arguments: dict, change) -> dict:
    node = find_node(call, arguments["id"])
    if node is None:
        return {"node": None, "userErrors": [user_error(["id"], "Node does not exist")]}
    if not isinstance(node, Order | Draft | Customer):
        raise NotSimulatedError("The simulator tags orders, drafts and customers only")
    found = Findings()
    tags = read_tags(change(node.tags, read_tags(arguments["tags"], Findings(), [])), found, ["tags"])
    if found.errors:
        return {"node": None, "userErrors": [user_error(error["field"], error["message"]) for error in found.errors]}
    if tags != node.tags:
        node.tags = tags
        _tell_tagged(call, node)
    return {"node": node, "userErrors": []}


def _tell_tagged(call: Call, node: Order | Draft | Customer) -> None:
    if isinstance(node, Order):
        order_moves.touch(call.shop, call.simulator.clock, node)
        return
    node.updated_at = call.now
    topic = "DRAFT_ORDERS_UPDATE" if isinstance(node, Draft) else "CUSTOMERS_UPDATE"
    call.shop.publish([(topic, (node.id,))])


# Cancelling


def cancel_order(root, call: Call, arguments: dict) -> dict:
    """Answers with a job; what it does happens after `job_delay_seconds`, or fails with `job_error` (row 30)."""
    answer = {"job": None, "jobResult": None, "orderCancelUserErrors": [], "userErrors": []}
    order = call.shop.orders.get(number_of(arguments["orderId"], "Order"))
    problem = _cancel_problem(call, order, arguments)
    if problem is not None:
        field, message, code = problem
        return {**answer, "orderCancelUserErrors": [user_error(field, message, code)],
                "userErrors": [user_error(field, message)]}  # fmt: skip
    job = Job(str(uuid.UUID(int=call.shop.random.getrandbits(128), version=4)), order_id=order.id)
    call.shop.jobs[job.id] = job
    simulator, shop = call.simulator, call.shop
    delay = shop.knobs.job_delay_seconds
    work = lambda: _carry_out(simulator, shop, job, order, arguments)  # noqa: E731 - what the job does at its time
    if delay:
        simulator.alarms.at(simulator.clock.seconds() + delay, work)
    else:
        work()
    return {**answer, "job": job, "jobResult": job}


def _cancel_problem(call: Call, order: Order | None, arguments: dict) -> tuple[list, str, str] | None:
    if order is None:
        return ["orderId"], GONE, "NOT_FOUND"
    if order.cancelled_at is not None:
        return ["orderId"], "Cannot cancel an order that has already been canceled", "INVALID"
    if len(arguments.get("staffNote") or "") > LONGEST_NOTE:
        return ["staffNote"], f"Staff note is too long (maximum is {LONGEST_NOTE} characters)", "INVALID"
    method = arguments.get("refundMethod") or {}
    if method and arguments.get("refund") is not None:
        return ["refundMethod"], "Only one of refund and refundMethod can be specified", "INVALID"
    if method.get("storeCreditRefund"):
        raise NotSimulatedError("The simulator refunds to the original payment method only")
    if any(line.fulfilled for line in order.lines):
        return ["orderId"], "Cannot cancel an order that has outstanding fulfillments", "INVALID"
    return None


def _carry_out(simulator, shop, job: Job, order: Order, arguments: dict) -> None:
    with shop.lock:
        problem = shop.knobs.job_error
        if problem is None and order.cancelled_at is not None:
            problem = "Cannot cancel an order that has already been canceled"
        if problem is not None:
            job.status, job.errors = "FAILED", [user_error(None, problem, "INTERNAL_ERROR")]
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
        job.status = "SUCCEEDED"


RESOLVERS = {
    "Mutation.orderUpdate": update_order,
    "Mutation.orderMarkAsPaid": mark_as_paid,
    "Mutation.orderClose": close_order,
    "Mutation.orderCancel": cancel_order,
    "Mutation.tagsAdd": add_tags,
    "Mutation.tagsRemove": remove_tags,
    "OrderCancelJobResult.id": lambda job, call, arguments: f"gid://shopify/OrderCancelJobResult/{int(job.id[:8], 16)}",
    "OrderCancelJobResult.done": lambda job, call, arguments: job.done,
    "OrderCancelJobResult.status": lambda job, call, arguments: job.status,
    "OrderCancelJobResult.errors": lambda job, call, arguments: job.errors,
    "OrderCancelJobResult.order": lambda job, call, arguments: call.shop.orders.get(job.order_id),
}
