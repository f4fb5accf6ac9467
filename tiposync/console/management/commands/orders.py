"""Show the orders of the destinations and their copies, and decide about them, as on the console's pages."""

import argparse
import contextlib
import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet

from orders.models import OrderImport, OrderImportLine, OrderUpdate
from stores.shopify.errors import ShopifyError
from tiposync.console.kit.numbers import row_number
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_connection, find_order
from tiposync.console.orders import deciding
from tiposync.console.orders.filters import condition_of
from tiposync.console.orders.records import full_record, order_record

State = OrderImport.State
AUTHOR = "the command line"
WAITS = {"payment": "payment", "links": "links", "review": "review", "any": ""}
UNKNOWN = "-"

EXPLANATION = """\
Orders of the destinations, and their copies in the sources.

  list          the orders, newest first, with their state and why
  show          one order: beside its copy line by line, the steps done and those that wait, and what to do
  copy          what waits for its review is imported: name the orders, or --all of the connection
  never         what waits for its review is not imported, and its units are no longer reserved
  import-again  consider orders afresh that failed, wait or were skipped; what may have been sent is looked for first
  send-again    an order of unknown outcome is looked for once more, and sent at once if it is not there
  give-up       no copy is made: it was entered by hand, or is not wanted; its units are no longer reserved
  done-by-hand  what “needs the shop” was seen to: what both contain now is right, and nothing of it is reserved
  carry-back    what staff took off the copy is taken off the original, too, this once; no money moves
  entered-by-hand  an order that somebody entered in the source by hand is the copy: give its name, number or gid (--as)
  not-ours      what is missing of an order that waits for links is none of the source's, or was entered by hand

Orders are named by their name (#1001, in a shell without the #, or in quotes), number or gid, or that of their copy.
What list and show tell is what both orders contained when they were last compared; nothing is asked of Shopify.

Examples:
  manage.py orders list --state failed
  manage.py orders list --needs-shop --json
  manage.py orders show 1001 --connection main.myshopify.com:eu.myshopify.com
  manage.py orders import-again 1001 1002

Exit codes: 0 done, or shown; 1 an order is not there, or it was refused (the others are done); 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        shown = actions.add_parser("list", help="the orders, newest first")
        shown.add_argument("--state", choices=State.values, help="those in this state")
        shown.add_argument("--needs-shop", action="store_true", help="those about which somebody has to decide")
        waits = "those that wait: for payment, for links, for their review, or for any of them (default)"
        shown.add_argument("--waits", nargs="?", const="any", choices=list(WAITS), help=waits)
        shown.add_argument("--limit", type=_positive, default=100, metavar="N", help="at most so many (default 100)")
        one = actions.add_parser("show", help="one order beside its copy")
        one.add_argument("order", help="name, number or gid, of the order or of its copy")
        for name in DECISIONS:
            decision = actions.add_parser(name)
            count = "*" if name == "copy" else "+"
            decision.add_argument("order", nargs=count, help="name, number or gid, of the order or of its copy")
            if name == "copy":
                decision.add_argument("--all", action="store_true", help="all that wait for their review")
        entered = actions.add_parser("entered-by-hand")
        entered.add_argument("order", help="name, number or gid, of the order")
        named = "name, number, gid or address of the order in the source"
        entered.add_argument("--as", dest="entered_as", required=True, metavar="ORDER", help=named)
        for each in actions.choices.values():
            each.add_argument(
                "--connection", help="only of this one: source:destination (their domains), or its number"
            )
        for each in (shown, one):
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = None if options["connection"] is None else find_connection(options["connection"])
        if options["action"] == "list":
            self._list(_matching(options, Q(connection=connection) if connection else Q()), options)
        elif options["action"] == "show":
            record = full_record(find_order(options["order"], connection))
            self._print(record, lines_of(record), options)
        elif options["action"] == "entered-by-hand":
            entered_as = options["entered_as"]
            link = lambda row: deciding.link_entered(row, entered_as, AUTHOR)  # noqa: E731
            self._decide(link, [(options["order"], connection)])
        elif options["action"] == "copy" and options["all"] == bool(options["order"]):
            raise CommandError("Name the orders, or give --all.")
        elif options.get("all"):
            self._copy_all(Q(connection=connection) if connection else Q())
        else:
            self._decide(DECISIONS[options["action"]], [(text, connection) for text in options["order"]])

    def _list(self, rows: QuerySet[OrderImport], options: dict[str, Any]) -> None:
        count = rows.count()
        records = [order_record(row) for row in rows[: options["limit"]]]
        words = [short_line(record) for record in records]
        if count > len(records):
            words.append(f"… and {count - len(records):,} more: give --limit, or narrow it down.")
        self._print({"orders": records, "count": count}, words or ["No order is like that."], options)

    def _print(self, record: dict[str, Any], words: list[str], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(record, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))
            return
        for line in words:
            self.stdout.write(printable(line))

    def _copy_all(self, wanted: Q) -> None:
        """Each that waits for its review, the oldest first."""
        rows = OrderImport.objects.filter(wanted & condition_of("review"))
        for row in rows.select_related("connection__source", "connection__destination").order_by("id"):
            with contextlib.suppress(ValueError):  # somebody decided about it meanwhile
                self.stdout.write(printable(f"{row}: {deciding.copy_reviewed(row)}"))

    def _decide(self, decide: Callable[[OrderImport], str], named: list[tuple[str, Any]]) -> None:
        """Each order by itself: one that is refused keeps no other back."""
        refused = []
        for text, connection in named:
            try:
                row = find_order(text, connection)
                self.stdout.write(f"{row}: {decide(row)}")
            except CommandError as error:
                refused.append(str(error))
            except (ValueError, ShopifyError) as error:
                refused.append(f"{row}: {error}")
        if refused:
            raise CommandError("\n".join(refused))


DECISIONS: dict[str, Callable[[OrderImport], str]] = {
    "import-again": deciding.import_again,
    "send-again": deciding.send_again,
    "give-up": lambda row: deciding.give_up(row, AUTHOR),
    "done-by-hand": lambda row: deciding.done_by_hand(row, AUTHOR),
    "copy": deciding.copy_reviewed,
    "never": lambda row: deciding.never_copy(row, AUTHOR),
    "carry-back": lambda row: deciding.carry_back(row, AUTHOR),
    "not-ours": lambda row: deciding.not_ours(row, AUTHOR),
}


def _positive(text: str) -> int:
    if not (number := row_number(text)):
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return number


def _matching(options: dict[str, Any], wanted: Q) -> QuerySet[OrderImport]:
    if options["state"]:
        wanted &= Q(state=options["state"])
    if options["needs_shop"]:
        wanted &= condition_of("shop")
    if options["waits"]:
        kind = WAITS[options["waits"]]
        wanted &= (
            condition_of(kind) if kind else condition_of("payment") | condition_of("links") | condition_of("review")
        )
    rows = OrderImport.objects.filter(wanted).select_related("connection__source", "connection__destination")
    return rows.order_by("-id")


# Words


def printable(text: str) -> str:
    """A text of strangers, such as a product's title, as a terminal may have it: on one line, steering nothing."""
    return "".join(each if each.isprintable() else " " for each in text)


def short_line(record: dict[str, Any]) -> str:
    """An order in one line."""
    name = record["name"] or record["gid"]
    copy = record["copy"]
    state = State(record["state"]).label + (f", as {copy['name'] or copy['gid']}" if copy else "")
    words = " ".join(filter(None, [record["reason"], *record["notes"]]))
    return f"{name} of {record['connection']}: {state}. {words}".strip()


def lines_of(record: dict[str, Any]) -> list[str]:
    """An order for people: what to do, both orders line by line, the steps, the other copies."""
    words = [short_line(record), f"  What to do: {record['advice']}", f"  {record['summary']}"]
    if record["lines"]:
        words += ["  Lines:", f"  {'ordered':>9} {'original':>9} {'copy':>9} {'reserved':>9}"]
    for line in record["lines"]:
        counts = (line[name] for name in ("ordered", "in_original", "in_copy", "held_back"))
        shown = " ".join(f"{UNKNOWN if count is None else count:>9}" for count in counts)
        state = OrderImportLine.State(line["state"]).label
        words.append(f"  {shown}  {line['title']} ({state}) {line['words']}".rstrip())
    for title, waits in (("Steps that wait", True), ("Steps done", False)):
        steps = [step for step in record["steps"] if step["waits"] == waits]
        words += [f"  {title}:"] if steps else []
        words += [f"    {step['name']}: {OrderUpdate.State(step['state']).label}. {step['words']}" for step in steps]
    if record["other_copies"]:
        words += ["  Other copies:", *(f"    {short_line(other)}" for other in record["other_copies"])]
    return words
