"""The command `orders`: what it lists and shows, what it decides, and what it refuses with which words."""

import io
import json
from itertools import pairwise

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from orders.models import OrderImport
from stores.models import Connection, Store
from syncing.models import SyncJob
from tests.support.console.orders import ORDER_GID, make_failed, make_import, make_line, make_order_rows, make_update
from tests.support.orders.changes import copied

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = "main.myshopify.com:north.myshopify.com"


@pytest.fixture
def rows():
    return make_order_rows()


@pytest.fixture
def other(rows):
    """A second source of the same destination."""
    fields = {"role": "source", "auth": "static_token", "access_token": "shpat_x", "client_secret": "s"}
    source = Store.objects.create(domain="second.myshopify.com", name="Second", **fields)
    return Connection.objects.create(source=source, destination=rows.destination, strategy="order", state="running")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("orders", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def refusal(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value


def listed(*arguments: str) -> list[str]:
    return [order["name"] for order in json.loads(run("list", "--json", *arguments))["orders"]]


def queued() -> list[str]:
    jobs = SyncJob.objects.filter(kind="import_order", state="queued")
    return sorted(jobs.values_list("arguments__order_gid", flat=True))


@pytest.fixture
def several(rows, other):
    make_failed(rows.connection, 1)
    make_import(rows.connection, 2, state="waiting", waits_for="payment")
    make_import(rows.connection, 3, state="waiting", waits_for="links")
    make_import(rows.connection, 4, state="skipped", late_links="wanted")
    make_update(make_import(rows.connection, 5), kind="copy_changed", state="needs_shop")
    make_update(make_import(other, 6), state="needs_shop")
    make_import(rows.connection, 7, state="waiting", waits_for="review")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ["#7", "#6", "#5", "#4", "#3", "#2", "#1"]),
        (("--state", "failed"), ["#1"]),
        (("--state", "confirmed"), ["#6", "#5"]),
        (("--needs-shop",), ["#6", "#5"]),
        (("--needs-shop", "--connection", PAIR), ["#5"]),
        (("--waits",), ["#7", "#4", "#3", "#2"]),
        (("--waits", "review"), ["#7"]),
        (("--waits", "payment"), ["#2"]),
        (("--waits", "links"), ["#4", "#3"]),
        (("--waits", "links", "--state", "waiting"), ["#3"]),
        (("--needs-shop", "--state", "failed"), []),
        (("--limit", "2"), ["#7", "#6"]),
    ],
)
def test_the_list_holds_what_its_filters_name(several, arguments, names):
    assert listed(*arguments) == names


def test_the_list_is_a_line_for_each_order_and_says_how_many_are_not_shown(several):
    lines = run("list", "--limit", "6").splitlines()
    assert lines[1] == "#6 of second.myshopify.com:north.myshopify.com: Imported, as #1006."
    assert lines[5] == f"#2 of {PAIR}: Waiting."
    assert lines[6] == "… and 1 more: give --limit, or narrow it down."
    assert run("list", "--needs-shop", "--state", "failed") == "No order is like that.\n"
    assert json.loads(run("list", "--json", "--limit", "5"))["count"] == 7


def test_an_order_is_shown_beside_its_copy_as_on_its_page(trade):
    shop, order, copy = copied(trade, (0, 3))
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    name = shop.row(order).order_name
    said = run("show", name)
    for words in (
        "Needs the shop",
        "3 fewer in the copy: the copy lost 3.",
        "What to do: It needs the shop",
        "Imported",
    ):
        assert words in said
    counts = next(line.split()[:4] for line in said.splitlines() if "Product 0 (In the copy)" in line)
    assert counts == ["3", "3", "0", "3"]
    shown = json.loads(run("show", name, "--json"))
    (line,) = shown["lines"]
    assert [line[key] for key in ("ordered", "in_original", "in_copy", "held_back", "differs")] == [3, 3, 0, 3, True]
    assert all(first["waits"] >= second["waits"] for first, second in pairwise(shown["steps"]))
    assert shown["advice"] and not shown["other_copies"]


def test_what_is_not_known_is_shown_as_nothing_not_as_0(rows):
    row = make_import(rows.connection, state="sent", attempts=1)
    make_line(row, "Sock", original_quantity=2, copy_quantity=2)
    assert next(line.split()[:4] for line in run("show", "1001").splitlines() if "Sock" in line) == ["-", "2", "-", "0"]
    assert json.loads(run("show", "1001", "--json"))["lines"][0]["in_copy"] is None


def test_what_strangers_wrote_neither_steers_a_terminal_nor_breaks_a_line(rows):
    row = make_failed(rows.connection, reason="It was refused:\n\x1b[2Jno\x07.")
    make_line(row, "Sock\x1b[31m\nof wool")
    for said in (run("list"), run("show", "1001")):
        assert not {"\x1b", "\x07"} & set(said) and "refused:  [2Jno ." in said
    assert len(run("list").splitlines()) == 1
    assert "Sock [31m of wool" in run("show", "1001")


@pytest.mark.parametrize("name", ["#1001", "1001", " #1001 ", ORDER_GID(1001), "#2001", "2001", ORDER_GID(2001)])
def test_an_order_is_named_by_its_name_number_or_gid_or_that_of_its_copy(rows, name):
    make_import(rows.connection)
    assert run("show", name).startswith(f"#1001 of {PAIR}")


def test_a_name_of_an_original_counts_before_that_of_a_copy(rows):
    make_import(rows.connection, 1001)
    make_import(rows.connection, 2001)
    assert run("show", "2001").startswith("#2001 of")


def test_a_name_that_two_orders_have_names_both_and_the_connection_decides(rows, other):
    make_import(rows.connection)
    make_import(other, copy_name="#7", copy_gid=ORDER_GID(7), copy_order_gid=ORDER_GID(7))
    words = str(refusal("show", "1001"))
    assert PAIR in words and "second.myshopify.com:north.myshopify.com" in words and "--connection" in words
    assert "as #7" in run("show", "1001", "--connection", str(other.pk))
    assert "  Other copies:\n    #1001 of second" in run("show", "1001", "--connection", PAIR)


def test_an_order_that_is_not_there_is_said_with_what_to_do(rows):
    words = str(refusal("show", "9999"))
    assert "no order “9999”" in words and "orders list" in words
    assert f"no order “9999” of {rows.connection.source.domain}" not in words
    assert f"“9999” of {PAIR}" in str(refusal("show", "9999", "--connection", PAIR))
    assert "There is no connection nobody" in str(refusal("list", "--connection", "nobody"))


def test_orders_are_imported_again_and_one_that_is_refused_keeps_no_other_back(rows):
    make_failed(rows.connection, 1)
    make_import(rows.connection, 2)
    make_import(rows.connection, 3, state="waiting", waits_for="links")
    error = refusal("import-again", "1", "2", "9999", "3")
    assert "#2 of North: it is imported" in str(error) and "“9999”" in str(error) and error.returncode == 1
    assert queued() == [ORDER_GID(1), ORDER_GID(3)]
    assert set(OrderImport.objects.values_list("order_name", "state")) == {
        ("#1", "planned"),
        ("#2", "confirmed"),
        ("#3", "planned"),
    }


def test_an_order_of_unknown_outcome_is_not_imported_again(rows):
    make_import(rows.connection, state="sent", attempts=1)
    assert "it is sent, answer not known yet" in str(refusal("import-again", "1001"))
    assert queued() == []


@pytest.mark.parametrize("action", ["send-again", "give-up"])
def test_what_may_be_there_is_sent_again_and_only_what_was_never_sent_is_given_up(rows, action):
    unknown, failed = make_import(rows.connection, 6, state="sent", attempts=1), make_failed(rows.connection, 7)
    wanted, other = (unknown, failed) if action == "send-again" else (failed, unknown)
    assert str(wanted) in run(action, wanted.order_name)
    assert str(other) in str(refusal(action, other.order_name))
    assert queued() == ([unknown.order_gid] if action == "send-again" else [])
    unknown.refresh_from_db(), failed.refresh_from_db()
    assert unknown.may_send_again == (action == "send-again")
    assert (failed.state, failed.reason) == {
        "send-again": ("failed", failed.reason),
        "give-up": ("skipped", "Given up by the command line."),
    }[action]


def test_done_by_hand_frees_the_units_as_the_button_does_and_is_refused_where_nothing_needs_the_shop(trade):
    shop, order, copy = copied(trade, (0, 3))
    name = shop.row(order).order_name
    assert "nothing of it needs the shop" in str(refusal("done-by-hand", name))
    shop.sim.cancel(shop.source.domain, copy)
    shop.run()
    assert shop.stock() == (20, 17, 17)
    assert "nothing of it is reserved" in run("done-by-hand", name)
    shop.run()
    assert shop.stock() == (20, 20, 20)
    assert "Done by hand, says the command line." in run("show", name)


def test_carry_back_takes_off_the_original_what_staff_took_off_the_copy_and_is_refused_otherwise(trade):
    shop, order, copy = copied(trade, (0, 3))
    name = shop.row(order).order_name
    assert "nobody took anything off its copy" in str(refusal("carry-back", name))
    shop.source.refund(copy, "CANCEL", 1)
    shop.run()
    assert "taken off the original" in run("carry-back", name)
    assert "it was decided" in str(refusal("carry-back", name))
    shop.run()
    assert order.lines[0].current_quantity == 2 and shop.stock() == (18, 18, 18)


def test_what_waits_for_its_review_is_copied_or_never_and_is_refused_otherwise(rows, other):
    for number, connection in enumerate((rows.connection, rows.connection, other, rows.connection), 1):
        make_import(connection, number, state="waiting", waits_for="review")
    make_import(rows.connection, 5, state="waiting", waits_for="payment")
    assert "It is imported." in run("copy", "1") and queued() == [ORDER_GID(1)]
    assert "it is planned" in str(refusal("copy", "1"))
    assert "no longer reserved" in run("never", "2")
    assert OrderImport.objects.get(order_name="#2").reason == "Not to be imported, says the command line."
    assert "it is waiting" in str(refusal("never", "5"))
    assert run("copy", "--all", "--connection", PAIR).count("It is imported.") == 1
    assert queued() == [ORDER_GID(1), ORDER_GID(4)]
    run("copy", "--all")
    assert queued() == [ORDER_GID(1), ORDER_GID(3), ORDER_GID(4)]
    for arguments in (("copy",), ("copy", "1", "--all")):
        assert "Name the orders, or give --all." in str(refusal(*arguments))


def test_an_order_that_was_entered_by_hand_is_named_and_what_it_cannot_be_is_said(trade):
    shop = trade(when="review")
    order, by_hand = shop.north.order((0, 3)), shop.source.order((0, 3))
    shop.run()
    name = shop.row(order).order_name
    assert "has no order “#9999”" in str(refusal("entered-by-hand", name, "--as", "#9999"))
    shop.source.fault("http", match="orders", status=402)
    assert shop.source.domain in str(refusal("entered-by-hand", name, "--as", by_hand.name))
    assert "is its copy now" in run("entered-by-hand", name, "--as", by_hand.name)
    shop.run()
    assert shop.stock() == (17, 17, 17) and shop.row(order).copy_name == by_hand.name


def test_not_ours_ends_the_waiting_and_is_refused_where_nothing_waits(rows):
    row = make_import(rows.connection, state="waiting", waits_for="links")
    line = make_line(row, source_variant=rows.link.source_variant, is_pending=True, state="planned")
    assert "nothing more of it is imported" in run("not-ours", "1001")
    for each in (row, line, rows.stock_link):
        each.refresh_from_db()
    assert (row.state, row.late_links, line.is_pending) == ("skipped", "ended", False)
    assert "the command line" in row.reason
    assert rows.stock_link.dirty_sequence > rows.stock_link.settled_sequence
    assert "does not wait for links" in str(refusal("not-ours", "1001"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "ACTION"),
        (("show",), "order"),
        (("import-again",), "order"),
        (("list", "--state", "lost"), "invalid choice"),
        (("list", "--waits", "rain"), "invalid choice"),
        (("list", "--limit", "0"), "give a number from 1 on"),
        (("list", "--limit", "-5"), "give a number from 1 on"),
        (("show", "\udcff1"), "There is no order “?1”"),  # a byte that is no UTF-8
        (("not-ours", "\udcff", "2"), "There is no order “2”"),
        (("copy", "--all", "--connection", ""), "There is no connection"),  # a variable of a shell that is not set
    ],
)
def test_wrong_usage_is_said(rows, arguments, words):
    assert words in str(refusal(*arguments))
