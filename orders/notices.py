"""Mails about copies to the source's addresses: a new one, a partial one, an order that could not be copied, or that
needs the shop.

One mail per order and outcome: `noticed_as` holds what the last one told; and one per decision that somebody has to
make (`OrderUpdate.is_noticed`). Both are written after the mail went out, so a worker that dies between the two mails
once more, under the same Message-ID; a mail is never lost. Mails hold the order's name, totals and product titles, and
nothing about the customer.
"""

import hashlib
import re
import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from orders.advice import what_to_do
from orders.changes.decisions import can_carry_back
from orders.copies.rules import sums
from orders.models import OrderImport, OrderImportLine, OrderSettings, OrderUpdate
from stores.shopify import errors

NEW, PARTIAL, FAILED, NEEDS_SHOP = "new", "partial", "failed", "needs_shop"
DECIDE = "Its page shows both orders line by line. Press “Done by hand” there once somebody has seen to it{more}."
MOST_LINES = 50
_ADDRESS = re.compile(r"[^\s@<>\"“]+@[^\s@<>\"”]+")


class MailNotSent(Exception):
    """The mail server could not be reached or put us off: a later try may succeed."""

    failure = errors.TRANSIENT


class MailRefused(Exception):
    """Mail is not set up, or the server refuses ours for good: somebody must change a setting."""

    failure = errors.MISCONFIGURED


def decide(order_import: OrderImport) -> bool:
    """Whether a mail about this order is due now. Safe to repeat: True again until `send` has sent it.

    What nobody wants to be told is noted as told, so that switching mails on later does not bring old news.
    """
    has_decisions = bool(_find_undecided(order_import))
    return _is_outcome_due(order_import) or has_decisions


def _is_outcome_due(order_import: OrderImport) -> bool:
    outcome = outcome_of(order_import)
    if not outcome or outcome == order_import.noticed_as:
        return False
    if _is_wanted(outcome, OrderSettings.of(order_import.connection)):
        return True
    _note(order_import, outcome)
    return False


def send(order_import_id: int) -> str | None:
    """Send the mail that is due about an order, if one is; to whom, in words.

    Raises MailNotSent or MailRefused; then nothing is noted, and it is safe to try again.
    """
    rows = OrderImport.objects.select_related("connection__source", "connection__destination")
    order_import = rows.filter(pk=order_import_id).first()
    if order_import is None:
        return None
    addresses, outcomes = OrderSettings.of(order_import.connection).addresses(), []
    if _is_outcome_due(order_import):
        outcomes.append(outcome_of(order_import))
        _deliver(compose(order_import, outcomes[0], addresses))
        _note(order_import, outcomes[0])
    for update in _find_undecided(order_import):
        _deliver(compose(order_import, NEEDS_SHOP, addresses, update))
        outcomes.append("needs the shop")
        # What has changed since stays to be told.
        same = OrderUpdate.objects.filter(pk=update.pk, state=OrderUpdate.State.NEEDS_SHOP, reason=update.reason)
        same.update(is_noticed=True)
    return f"Told {', '.join(addresses)}: {', '.join(outcomes)}." if outcomes else None


def _find_undecided(order_import: OrderImport) -> list[OrderUpdate]:
    """What somebody has to decide about and no mail has told of; nothing where nobody wants such mails."""
    waiting = order_import.updates.filter(state=OrderUpdate.State.NEEDS_SHOP, is_noticed=False).order_by("pk")
    choices = OrderSettings.of(order_import.connection)
    if choices.notifies_needs_shop and choices.addresses():
        return list(waiting)
    waiting.update(is_noticed=True)
    return []


def outcome_of(order_import: OrderImport) -> str:
    """NEW, PARTIAL or FAILED; '' while there is nothing to tell (not done yet, or nothing to be done)."""
    if order_import.state == OrderImport.State.CONFIRMED:
        return PARTIAL if order_import.is_partial else NEW
    # Sent, and refused for good while it was looked for: nobody knows whether the copy is there.
    is_stuck = order_import.state == OrderImport.State.SENT and order_import.failure not in ("", errors.TRANSIENT)
    # Skipped, although its products followed the source when it was placed.
    is_linked = order_import.late_links == OrderImport.LateLinks.LINKED
    is_lost = order_import.state == OrderImport.State.SKIPPED and (order_import.failure != "" or is_linked)
    return FAILED if order_import.state == OrderImport.State.FAILED or is_stuck or is_lost else ""


def _is_wanted(outcome: str, choices: OrderSettings) -> bool:
    chosen = {NEW: choices.notifies_new, PARTIAL: choices.notifies_partial, FAILED: choices.notifies_failed}
    return chosen[outcome] and bool(choices.addresses())


def _note(order_import: OrderImport, outcome: str) -> None:
    # A queryset's update: the import's own fields may have been changed by a worker meanwhile.
    OrderImport.objects.filter(pk=order_import.pk).update(noticed_as=outcome)
    order_import.noticed_as = outcome


def compose(
    order_import: OrderImport, outcome: str, addresses: list[str], update: OrderUpdate | None = None
) -> EmailMultiAlternatives:
    """The mail about an order, as text and as HTML, to all addresses at once; `update` is what needs the shop."""
    context, name = _context(order_import, outcome), outcome
    if update is not None:
        context |= _about_decision(order_import, update)
        name = f"{outcome}-{update.pk}-{hashlib.sha256(update.reason.encode()).hexdigest()[:12]}"
    message = EmailMultiAlternatives(
        subject=_one_line(f"[tiposync] {context['headline']}"),
        body=render_to_string("orders/mail/notice.txt", context),
        to=addresses,
        headers={
            "Auto-Submitted": "auto-generated",  # RFC 3834: no out-of-office replies to us
            "Message-ID": f"<order-{order_import.pk}-{name}@{_host()}>",
        },
    )
    message.attach_alternative(render_to_string("orders/mail/notice.html", context), "text/html")
    return message


def _context(order_import: OrderImport, outcome: str) -> dict[str, Any]:
    connection = order_import.connection
    name = order_import.order_name or order_import.order_gid.rsplit("/", 1)[-1]
    kind = "draft order" if order_import.is_draft else "order"
    said = {
        NEW: f"is now the {kind} {order_import.copy_name} of {connection.source}",
        PARTIAL: f"was imported in part, as the {kind} {order_import.copy_name} of {connection.source}",
        FAILED: "could not be imported",
        NEEDS_SHOP: "needs the shop",
    }
    left_out = order_import.lines.filter(state=OrderImportLine.State.LEFT_OUT)[: MOST_LINES + 1]
    return {
        "outcome": outcome,
        "headline": f"Order {name} of {connection.destination} {said[outcome]}",
        "source": str(connection.source),
        "destination": str(connection.destination),
        "name": name,
        "copy_name": order_import.copy_name,
        "kind": kind,
        "reason": _without_addresses(" ".join(filter(None, [order_import.reason, *order_import.notes.splitlines()]))),
        "advice": what_to_do(order_import),
        "original_total": _total(order_import.original_total, order_import.original_currency),
        "copy_total": _total(order_import.copy_total, order_import.copy_currency),
        "original_url": connection.destination.page_in_shopify(order_import.order_gid),
        "copy_url": connection.source.page_in_shopify(order_import.copy_gid) if order_import.copy_gid else "",
        "console_url": settings.PUBLIC_URL.rstrip("/")
        + reverse("admin:orders_orderimport_change", args=[order_import.pk]),
        "left_out": [_line(line) for line in left_out[:MOST_LINES]],
        "has_more": len(left_out) > MOST_LINES,
    }


def _about_decision(order_import: OrderImport, update: OrderUpdate) -> dict[str, Any]:
    """What has to be decided, without the titles of custom lines, which may name the customer."""
    words = update.reason
    for title in order_import.lines.filter(variant_gid="").exclude(title="").values_list("title", flat=True):
        words = words.replace(f"“{title}”", "a custom line")
    more = ", or “Apply to the original”" if can_carry_back(order_import) else ""
    return {"reason": _without_addresses(words), "advice": DECIDE.format(more=more), "left_out": [], "has_more": False}


def _line(line: OrderImportLine) -> dict[str, Any]:
    # The title of a custom line is free text that may name the customer ("Engraving for Anna").
    title = line.title if line.variant_gid else "a custom line"
    return {"quantity": line.quantity, "title": title, "reason": _without_addresses(line.reason)}


def _total(amount: Any, currency: str) -> str:
    return sums.text(amount, currency) if amount is not None and currency else ""


def _without_addresses(text: str) -> str:
    """What Shopify said, without the e-mail addresses that it may quote."""
    return _ADDRESS.sub("(an address)", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _host() -> str:
    return settings.PUBLIC_URL.split("://")[-1].split("/")[0].split(":")[0] or "tiposync"


def _deliver(message: EmailMultiAlternatives) -> None:
    """Hand it to the mail server. What it answers is told by its number: its words may quote the credentials."""
    if not settings.EMAIL_URL:
        raise MailRefused("No mail server is set up: set EMAIL_URL and MAIL_FROM (.env.example), then run this again.")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise _refusal(codes, "all addresses of the notice") from None
    except smtplib.SMTPResponseException as error:
        what = "our credentials" if isinstance(error, smtplib.SMTPAuthenticationError) else "the mail"
        raise _refusal([error.smtp_code], what) from None
    except smtplib.SMTPNotSupportedError:
        raise MailRefused("The mail server does not offer what EMAIL_URL asks for (TLS or a login).") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailNotSent(f"The mail server could not be reached ({type(error).__name__}).") from None


def _refusal(codes: list[int], what: str) -> Exception:
    # RFC 5321 section 4.2.1: 4xx is "not now", 5xx is "never like this".
    kind = MailRefused if codes and min(codes) >= 500 else MailNotSent
    return kind(f"The mail server refused {what} ({', '.join(map(str, codes))}).")
