"""draftOrderCreate, Update, Complete, Delete and InvoiceSend: plain user errors without a code (shopify.md 7.2)."""

from __future__ import annotations

from dataclasses import fields

from tests.simulator.documents.call import Call
from tests.simulator.events import drafts
from tests.simulator.events.catalogue.metafields import put_all
from tests.simulator.mutations.orders.draft_input import DraftReader
from tests.simulator.mutations.orders.input import Findings, only
from tests.simulator.reads.shop import number_of
from tests.simulator.state.orders import Draft
from tests.simulator.wire.problems import NotSimulatedError, user_error

GONE = "Draft order does not exist"


def create_draft(root, call: Call, arguments: dict) -> dict:
    """No idempotency: twice makes two drafts."""
    found, now, shop = Findings(), call.now, call.shop
    given = arguments["input"]
    draft = Draft(shop.next_id(), 0, now, now, shop.currency, given.get("presentmentCurrencyCode") or shop.currency)
    draft.client_id = call.app.client_id
    reader = DraftReader(call, draft, found)
    reader.read(given)
    if not given.get("lineItems"):
        found.refuse(["lineItems"], "Add at least 1 product")
    if found.errors:
        return {"draftOrder": None, "userErrors": _plain(found)}
    reader.add_customer(draft)
    drafts.register_draft(shop, draft)
    put_all(shop, ("DraftOrder", draft.id), reader.fields, call.now)
    _settle(call, draft, "DRAFT_ORDERS_CREATE")
    return {"draftOrder": draft, "userErrors": []}


def update_draft(root, call: Call, arguments: dict) -> dict:
    """What is given replaces what was; lines as a whole."""
    draft = call.shop.drafts.get(number_of(arguments["id"], "DraftOrder"))
    if draft is None:
        return {"draftOrder": None, "userErrors": [user_error(["id"], GONE)]}
    if draft.status == "COMPLETED":
        return {"draftOrder": None, "userErrors": [user_error(None, "This order has been paid")]}
    found, given, shop = Findings(), arguments["input"], call.shop
    trial = Draft(draft.id, draft.number, draft.created_at, call.now, draft.currency, draft.presentment_currency)
    reader = DraftReader(call, trial, found)
    reader.read(given, draft)
    if found.errors:
        return {"draftOrder": None, "userErrors": _plain(found)}
    action = drafts.begin(call.shop, call.simulator.clock, draft, f"api:{call.app.client_id}")
    drafts.unreserve(action, draft)
    action.close()
    for name in (one.name for one in fields(trial)):
        if name not in ("id", "number", "created_at", "status", "order_id", "client_id", "invoices",
                        "invoice_sent_at", "completed_at", "reserved"):  # fmt: skip
            setattr(draft, name, getattr(trial, name))
    drafts.name_lines(draft)
    reader.add_customer(draft)
    put_all(shop, ("DraftOrder", draft.id), reader.fields, call.now)
    _settle(call, draft, "DRAFT_ORDERS_UPDATE")
    return {"draftOrder": draft, "userErrors": []}


def _settle(call: Call, draft: Draft, topic: str) -> None:
    """Reserves and tells."""
    clock = call.simulator.clock
    action = drafts.begin(call.shop, clock, draft, f"api:{call.app.client_id}")
    drafts.reserve(call.shop, action, draft, call.simulator.later, clock)
    action.tell(topic, (draft.id,))
    action.close()


def complete_draft(root, call: Call, arguments: dict) -> dict:
    if arguments.get("paymentGatewayId") or arguments.get("sourceName"):
        raise NotSimulatedError("The simulator completes drafts without a payment gateway or a source name")
    draft = call.shop.drafts.get(number_of(arguments["id"], "DraftOrder"))
    if draft is None:
        return {"draftOrder": None, "userErrors": [user_error(["id"], GONE)]}
    try:
        drafts.complete(
            call.shop,
            call.simulator.clock,
            draft,
            paid=not arguments.get("paymentPending"),
            cause=f"api:{call.app.client_id}",
        )
    except ValueError as problem:
        return {"draftOrder": None, "userErrors": [user_error(None, str(problem))]}
    return {"draftOrder": draft, "userErrors": []}


def delete_draft(root, call: Call, arguments: dict) -> dict:
    given = arguments["input"]["id"]
    draft = call.shop.drafts.get(number_of(given, "DraftOrder"))
    if draft is None:
        return {"deletedId": None, "userErrors": [user_error(["id"], GONE)]}
    try:
        drafts.delete(call.shop, call.simulator.clock, draft)
    except ValueError as problem:
        return {"deletedId": None, "userErrors": [user_error(["id"], str(problem))]}
    return {"deletedId": given, "userErrors": []}


def send_invoice(root, call: Call, arguments: dict) -> dict:
    """Records the mail in place of sending it. Each call is another mail."""
    draft = call.shop.drafts.get(number_of(arguments["id"], "DraftOrder"))
    if draft is None:
        return {"draftOrder": None, "userErrors": [user_error(["id"], GONE)]}
    if draft.status == "COMPLETED":
        return {"draftOrder": None, "userErrors": [user_error(None, "This order has been paid")]}
    mail = arguments.get("email") or {}
    only(mail, ("to", "subject", "customMessage", "body"), "EmailInput")
    to = mail.get("to") or draft.email
    if not to:
        return {"draftOrder": None, "userErrors": [user_error(None, "To can't be blank")]}
    subject = mail.get("subject") or f"Invoice {draft.name}"
    sent = {"kind": "invoice", "to": to, "subject": subject, "draft": draft.name, "at": call.now}
    draft.invoices.append(sent)
    call.shop.mails.append(sent)
    draft.status, draft.invoice_sent_at, draft.updated_at = "INVOICE_SENT", call.now, call.now
    call.shop.publish([("DRAFT_ORDERS_UPDATE", (draft.id,))])
    return {"draftOrder": draft, "userErrors": []}


def _plain(found: Findings) -> list[dict]:
    """Plain UserErrors: their paths are texts."""
    return [user_error(error["field"], error["message"]) for error in found.errors]


RESOLVERS = {
    "Mutation.draftOrderCreate": create_draft,
    "Mutation.draftOrderUpdate": update_draft,
    "Mutation.draftOrderComplete": complete_draft,
    "Mutation.draftOrderDelete": delete_draft,
    "Mutation.draftOrderInvoiceSend": send_invoice,
}
