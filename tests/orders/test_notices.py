"""Mails about copies: who gets which, what stands in them, and what becomes of a server that does not take them."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orders import decisions, due, notices
from orders.models import OrderImport, OrderSettings, OrderUpdate
from stores.shopify.admin_pages import AT_SHOPIFY
from syncing.models import SyncJob
from syncing.queue import enqueue
from tests.support.console.orders import make_failed, make_import, make_line, make_order_rows, make_update
from tests.support.console.rows import NASTY, SECRET
from tests.support.orders.changes import copied, settle

pytestmark = pytest.mark.django_db

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def rows(settings):
    settings.SHOPIFY_BASE_URL = AT_SHOPIFY
    return make_order_rows()


def html_of(message) -> str:
    return message.alternatives[0][0]


@contextmanager
def mail_server(settings, **answers: str) -> Iterator[list[str]]:
    """A server that answers a command (its first word) as told, else 250; yields the commands it heard."""
    heard = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            for line in self.rfile:
                word = line.decode().split()[0].upper()
                heard.append(word)
                if word == "DATA" and "DATA" not in answers:
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() != b".\r\n":
                        pass
                self.wfile.write(f"{answers.get(word, '250 fine')}\r\n".encode())
                if word == "QUIT":
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False  # a client that was refused may never say good-bye

    with Server(("127.0.0.1", 0), Handler) as server:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, *server.server_address
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield heard
        finally:
            server.shutdown()


def test_a_new_copy_needs_shop_to_all_addresses_with_links_to_both_orders_and_the_console(rows, mailoutbox, settings):
    settings.PUBLIC_URL = "https://sync.example.com/"
    row = make_import(rows.connection)
    assert notices.decide(row)
    assert notices.send(row.pk) == "Told anna@example.com, ben@example.com: new."
    (message,) = mailoutbox
    assert message.to == ["anna@example.com", "ben@example.com"]
    assert message.subject == "[tiposync] Order #1001 of North is now the order #2001 of Main"
    for body in (message.body, html_of(message)):
        assert "https://admin.shopify.com/store/north/orders/1001" in body
        assert "https://admin.shopify.com/store/main/orders/2001" in body
        assert f"https://sync.example.com/admin/orders/orderimport/{row.pk}/change/" in body
        assert "12.30 EUR" in body


def test_a_draft_needs_shop_as_one_and_leads_to_the_draft(rows, mailoutbox):
    notices.send(make_import(rows.connection, is_draft=True).pk)
    assert "is now the draft order #D2001" in mailoutbox[0].subject
    assert "https://admin.shopify.com/store/main/draft_orders/2001" in mailoutbox[0].body


def test_a_partial_copy_names_what_was_left_out(rows, mailoutbox):
    row = make_import(rows.connection, is_partial=True)
    make_line(row, "Scarf", state="left_out", quantity=3, reason="It is not linked.")
    make_line(row, "Sock")
    notices.send(row.pk)
    (message,) = mailoutbox
    assert "was imported in part" in message.subject
    assert "- 3 x Scarf: It is not linked." in message.body
    assert "3 × Scarf – It is not linked." in html_of(message)
    assert "Sock" not in message.body


def test_a_failed_copy_says_why_and_what_to_do(rows, mailoutbox):
    notices.send(make_failed(rows.connection).pk)
    (message,) = mailoutbox
    assert message.subject == "[tiposync] Order #1001 of North could not be imported"
    assert "phone is taken" in message.body
    assert "press “Import again”" in message.body
    assert "store/main" not in message.body


def test_each_outcome_needs_shop_once(rows, mailoutbox):
    row = make_failed(rows.connection)
    for _ in range(3):
        notices.send(row.pk)
    OrderImport.objects.filter(pk=row.pk).update(state="confirmed", copy_gid="gid://shopify/Order/7", copy_name="#7")
    for _ in range(3):
        notices.send(row.pk)
    assert [message.subject.split("North ")[1] for message in mailoutbox] == [
        "could not be imported",
        "is now the order #7 of Main",
    ]
    row.refresh_from_db()
    assert not notices.decide(row)


def test_what_the_mail_says_twice_after_a_crash_has_the_same_message_id(rows, mailoutbox):
    row = make_import(rows.connection)
    notices.send(row.pk)
    OrderImport.objects.update(noticed_as="")  # as if the worker had died before it was noted
    notices.send(row.pk)
    first, second = (message.message()["Message-ID"] for message in mailoutbox)
    assert first == second


@pytest.mark.parametrize("state", ["planned", "waiting", "sent", "skipped"])
def test_of_what_is_not_done_or_skipped_nothing_needs_shop(rows, mailoutbox, state):
    row = make_import(rows.connection, state=state)
    assert not notices.decide(row)
    assert notices.send(row.pk) is None
    assert not mailoutbox


def test_an_order_of_unknown_outcome_that_cannot_be_looked_for_counts_as_failed(rows, mailoutbox):
    notices.send(make_import(rows.connection, state="sent", failure="misconfigured", reason="A scope is missing.").pk)
    assert "could not be imported" in mailoutbox[0].subject


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ("notifies_new", {}),
        ("notifies_partial", {"is_partial": True}),
        ("notifies_failed", {"state": "failed", "failure": "rejected"}),
    ],
)
def test_what_nobody_chose_is_not_told_and_not_told_later_either(rows, mailoutbox, choice, fields):
    OrderSettings.objects.update(**{choice: False})
    row = make_import(rows.connection, **fields)
    assert not notices.decide(row)
    OrderSettings.objects.update(**{choice: True})
    row = OrderImport.objects.get()
    assert not notices.decide(row)
    assert notices.send(row.pk) is None
    assert not mailoutbox


def test_without_addresses_nothing_needs_shop(rows, mailoutbox):
    OrderSettings.objects.update(notice_addresses=" \n,")
    assert not notices.decide(make_import(rows.connection))


def test_a_row_that_is_gone_needs_shop_to_nobody(rows, mailoutbox):
    assert notices.send(999) is None


def test_what_strangers_wrote_is_escaped_in_html_and_as_it_is_in_text(rows, mailoutbox):
    rows.connection.destination.name = NASTY
    rows.connection.destination.save()
    row = make_import(rows.connection, is_partial=True, order_name=f"{NASTY}\nBcc: all@example.com", reason=NASTY)
    make_line(row, NASTY, state="left_out", reason=NASTY)
    notices.send(row.pk)
    (message,) = mailoutbox
    assert "<script" not in html_of(message)
    assert "&lt;script&gt;" in html_of(message)
    assert NASTY in message.body
    assert "\n" not in message.subject
    assert message.recipients() == ["anna@example.com", "ben@example.com"]


def test_a_mail_holds_no_secret_and_nothing_about_the_customer(rows, mailoutbox):
    reason = "Shopify refused it: “carla@example.org” is not a valid e-mail."
    row = make_failed(rows.connection, reason=reason)
    make_line(row, "Engraving for Carla", variant_gid="", state="left_out")
    notices.send(row.pk)
    whole = mailoutbox[0].message().as_string() + mailoutbox[0].body + html_of(mailoutbox[0])
    assert "carla" not in whole.lower()
    assert SECRET not in whole
    assert "a custom line" in whole
    assert "(an address)" in whole


def test_a_long_order_does_not_make_a_long_mail(rows, mailoutbox):
    row = make_import(rows.connection, is_partial=True)
    for number in range(60):
        make_line(row, f"Thing {number}", state="left_out")
    notices.send(row.pk)
    assert mailoutbox[0].body.count("2 x Thing") == 50
    assert "and more" in mailoutbox[0].body


def test_a_real_server_takes_it(rows, settings):
    row = make_import(rows.connection)
    with mail_server(settings, QUIT="221 bye") as heard:
        notices.send(row.pk)
    assert heard.count("RCPT") == 2
    row.refresh_from_db()
    assert row.noticed_as == "new"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"RCPT": "550 no such user"}, notices.MailRefused),
        ({"RCPT": "450 try later"}, notices.MailNotSent),
        ({"MAIL": "553 not from you"}, notices.MailRefused),
        ({"MAIL": "451 busy"}, notices.MailNotSent),
        ({"DATA": "554 spam"}, notices.MailRefused),
    ],
)
def test_what_the_server_refuses_for_now_is_tried_again_and_what_it_refuses_for_good_is_not(
    rows, settings, answers, expected
):
    row = make_import(rows.connection)
    with mail_server(settings, **answers), pytest.raises(expected) as raised:
        notices.send(row.pk)
    assert raised.value.failure == ("misconfigured" if expected is notices.MailRefused else "transient")
    row.refresh_from_db()
    assert notices.decide(row)


def test_a_login_that_is_refused_shows_neither_name_nor_password(rows, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailer", "hunter2-password"
    answers = {"EHLO": "250-hello\r\n250 AUTH PLAIN", "AUTH": "535 mailer hunter2-password"}
    with mail_server(settings, **answers), pytest.raises(notices.MailRefused) as raised:
        notices.send(make_import(rows.connection).pk)
    assert str(raised.value) == "The mail server refused our credentials (535)."


def test_a_server_that_is_away_is_tried_again(rows, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", 9
    with pytest.raises(notices.MailNotSent, match="could not be reached"):
        notices.send(make_import(rows.connection).pk)


def test_without_a_server_it_fails_and_says_which_setting_is_missing(rows, settings):
    settings.EMAIL_URL = ""
    with pytest.raises(notices.MailRefused, match="EMAIL_URL"):
        notices.send(make_import(rows.connection).pk)


class TestFromWebhookToMail:
    def test_a_copied_order_needs_shop_once_however_often_its_work_is_done(self, trade, mailoutbox):
        shop = trade(notice_addresses="anna@example.com")
        order = shop.north.order((0, 1))
        shop.run()
        enqueue.import_order(shop.connection, shop.row(order).order_gid)
        shop.run()
        assert [message.subject for message in mailoutbox] == [
            f"[tiposync] Order {order.name} of North is now the order {shop.copies[0].name} of Source"
        ]

    def test_an_order_that_fails_needs_shop_and_told_again_when_it_is_copied_after_all(self, trade, mailoutbox):
        shop = trade(notice_addresses="anna@example.com")
        shop.source.store.currency = "USD"
        shop.source.store.save()
        order = shop.north.order((0, 1))
        shop.run()
        assert "could not be imported" in mailoutbox[-1].subject
        shop.source.store.currency = "EUR"
        shop.source.store.save()
        decisions.import_again(shop.row(order))
        enqueue.import_order(shop.connection, shop.row(order).order_gid)
        shop.run()
        assert "is now the order" in mailoutbox[-1].subject
        assert len(mailoutbox) == 2

    def test_a_mail_server_that_is_away_keeps_no_order_from_being_copied(self, trade, settings):
        shop = trade(notice_addresses="anna@example.com")
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", 9
        order = shop.north.order((0, 1))
        shop.run()
        assert shop.row(order).state == OrderImport.State.CONFIRMED
        assert len(shop.copies) == 1
        job = SyncJob.objects.get(kind=SyncJob.Kind.SEND_NOTICE)
        assert "could not be reached" in job.message

    def test_without_a_mail_server_the_job_says_which_setting_is_missing(self, trade, settings):
        shop = trade(notice_addresses="anna@example.com")
        settings.EMAIL_URL = ""
        shop.north.order((0, 1))
        shop.run()
        job = SyncJob.objects.get(kind=SyncJob.Kind.SEND_NOTICE)
        assert (job.state, job.failure) == ("failed", "misconfigured")
        assert "EMAIL_URL" in job.message


# What needs the shop


def make_undecided(rows, **fields):
    row = make_import(rows.connection, noticed_as="new")
    line = make_line(row, "Sock")
    words = "The copy was cancelled in the source. 1 × “Sock” for anna@example.com, 1 × “Engraving for Ada”."
    defaults = {"kind": "copy_changed", "state": "needs_shop", "failure": "", "reason": words}
    make_line(row, "Engraving for Ada", variant_gid="")
    return make_update(row, **(defaults | {"body": {"differs": {line.line_gid: -1}}} | fields))


def test_an_order_that_needs_the_shop_is_mailed_once_with_its_words_and_a_link(rows, mailoutbox, settings):
    settings.PUBLIC_URL = "https://sync.example.com/"
    update = make_undecided(rows)
    row = update.order_import
    assert row in due.untold([rows.connection.pk]) and notices.decide(row)
    assert notices.send(row.pk) == "Told anna@example.com, ben@example.com: needs the shop."
    (message,) = mailoutbox
    assert message.subject == "[tiposync] Order #1001 of North needs the shop"
    for body in (message.body, html_of(message)):
        assert "The copy was cancelled in the source." in body and "Sock" in body
        assert "Engraving" not in body and "anna@example.com" not in body
        assert "Done by hand" in body and "Apply to the original" in body
        assert f"https://sync.example.com/admin/orders/orderimport/{row.pk}/change/" in body
    assert not notices.decide(row) and notices.send(row.pk) is None and len(mailoutbox) == 1
    assert row not in due.untold([rows.connection.pk])


def test_another_decision_is_mailed_under_another_id_and_the_same_one_again_under_the_same(rows, mailoutbox):
    update = make_undecided(rows)
    notices.send(update.order_import_id)
    update.is_noticed = False
    update.save()
    notices.send(update.order_import_id)  # a worker that died before it was noted
    update.reason += " More."
    update.save()
    notices.send(update.order_import_id)
    first, again, other = [message.extra_headers["Message-ID"] for message in mailoutbox]
    assert first == again != other


def test_what_changes_while_the_mail_goes_out_is_mailed_again(rows, mailoutbox, monkeypatch):
    update = make_undecided(rows)
    deliver = notices._deliver

    def deliver_late(message):
        deliver(message)
        OrderUpdate.objects.filter(pk=update.pk).update(reason="Something else.")

    monkeypatch.setattr(notices, "_deliver", deliver_late)
    notices.send(update.order_import_id)
    monkeypatch.setattr(notices, "_deliver", deliver)
    assert notices.decide(update.order_import)
    notices.send(update.order_import_id)
    assert "Something else." in mailoutbox[1].body and not notices.decide(update.order_import)


@pytest.mark.parametrize("choices", [{"notifies_needs_shop": False}, {"notice_addresses": ""}])
def test_who_wants_no_mail_of_it_gets_none_and_no_old_news_later(rows, mailoutbox, choices):
    OrderSettings.objects.update(**choices)
    update = make_undecided(rows)
    assert not notices.decide(update.order_import) and notices.send(update.order_import_id) is None
    OrderSettings.objects.update(notifies_needs_shop=True, notice_addresses="anna@example.com")
    assert not notices.decide(update.order_import) and not mailoutbox


def test_a_copy_that_staff_cancel_is_mailed_once_by_the_job_or_by_the_sweep(trade, mailoutbox):
    shop, order, copy = copied(trade, (0, 3), notice_addresses="anna@example.com", notifies_new=False)
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    settle(shop)
    assert [message.subject for message in mailoutbox] == ["[tiposync] Order #1001 of North needs the shop"]
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    settle(shop)
    shop.world.reconcile()
    shop.run()
    settle(shop)
    assert len(mailoutbox) == 2 and "2 × “Product 0”" in mailoutbox[1].body
