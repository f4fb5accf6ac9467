"""Look at the links of a connection, and resolve what matching left in doubt."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from stores.clients import open_for_check
from stores.linking import csv_file, csv_import, linking
from stores.models import Connection, Variant, VariantLink
from stores.shopify.errors import ShopifyError
from syncing.connections import resuming
from syncing.queue import enqueue
from syncing.stock import ends, wiring
from tiposync.console.links.resource import import_links
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.ending import add_quantities, end
from tiposync.console.management.lookup import find_connection, find_variant, name_of

EXPLANATION = """\
Shows how many variants of a connection are linked, unmatched, ambiguous, ignored or gone; lists them with --list; and
resolves them by hand. What is resolved by hand is never overwritten by matching, until it is cleared. All resolutions
of one call are made, or none. Many at a time: --export writes a CSV file, --import takes it back with its column
"decision" filled in (link, ignore, clear), --dry-run says what each line would do.

A variant is named by its SKU, or by its Shopify id where the SKU is missing, repeated or contains "=".

Examples:
  manage.py link_products main.myshopify.com:eu.myshopify.com --list ambiguous
  manage.py link_products main.myshopify.com:eu.myshopify.com --link MUG-1=TASSE-1 --ignore GIFT-CARD
  manage.py link_products main.myshopify.com:eu.myshopify.com --export links.csv
  manage.py link_products main.myshopify.com:eu.myshopify.com --import links.csv --dry-run

Exit codes: 0 done; 1 refused, nothing was changed; 2 wrong usage.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("connection", help="source:destination (their domains), or the connection's number")
        parser.add_argument(
            "--match", action="store_true", help="read the products of both stores now and match again, first"
        )
        parser.add_argument(
            "--list", choices=VariantLink.State.values, metavar="STATE", help="list the links in a state: %(choices)s"
        )
        parser.add_argument("--limit", type=int, default=200, help="list at most this many (default: %(default)s)")
        parser.add_argument(
            "--link", action="append", default=[], metavar="SOURCE=DESTINATION", help="set the partner; repeatable"
        )
        parser.add_argument(
            "--ignore", action="append", default=[], metavar="SOURCE", help="leave it out of syncing; repeatable"
        )
        parser.add_argument(
            "--clear", action="append", default=[], metavar="SOURCE", help="let matching decide again; repeatable"
        )

        add_quantities(parser)
        parser.add_argument("--export", metavar="FILE", help="write all links of the connection to a CSV file")
        parser.add_argument("--import", metavar="FILE", dest="file", help="do what the decisions in a CSV file say")
        parser.add_argument("--dry-run", action="store_true", help="with --import: only say what each line would do")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = find_connection(options["connection"])
        if options["match"]:
            self._match(connection)
        products = self._resolve(connection, options)
        has_imported = bool(options["file"]) and self._import(connection, options["file"], options["dry_run"])
        if connection.state == Connection.State.RUNNING and (products or options["match"] or has_imported):
            resuming.resume_linked([connection.pk])
            for product_gid in products:
                wiring.wire_connection(connection, product_gid)
            if options["match"] or has_imported:
                wiring.wire_connection(connection)
            end(self.stdout, ends.of_products(connection, products), options["quantities"])
            enqueue.carry_stock(connection)
            resuming.resume_connection(connection)
        if options["export"]:
            self._export(connection, options["export"])
        if options["list"]:
            self._list(connection, options["list"], options["limit"])
        self.stdout.write(f"{name_of(connection)}: {linking.count_links(connection)}")

    def _match(self, connection: Connection) -> None:
        try:
            for store in (connection.source, connection.destination):
                linking.refresh_catalogue(store, open_for_check)
        except ShopifyError as error:
            raise CommandError(str(error)) from None
        linking.match_connection(connection)

    def _resolve(self, connection: Connection, options: dict[str, Any]) -> set[str]:
        """Make the resolutions; returns the products whose stock this concerns."""
        products = set()
        try:
            with transaction.atomic():
                for text in options["clear"]:
                    link = _link_of(connection, text)
                    linking.clear(link)
                    products.add(link.source_variant.product_gid)
                for text in options["ignore"]:
                    link = _link_of(connection, text)
                    linking.ignore(link, by="the command line")
                    products.add(link.source_variant.product_gid)
                for text in options["link"]:
                    source, equals, destination = text.partition("=")
                    if not equals:
                        raise CommandError(f"--link {text}: write it as SOURCE=DESTINATION.")
                    link = _link_of(connection, source)
                    linking.set_partner(link, find_variant(connection.destination, destination), by="the command line")
                    products.add(link.source_variant.product_gid)
        except linking.LinkRefused as error:
            raise CommandError(str(error)) from None
        return products

    def _import(self, connection: Connection, name: str, dry_run: bool) -> bool:
        """Do what a file says, or say it; whether anything was changed."""
        try:
            rows = csv_file.parse_rows(csv_file.read_text(Path(name).read_bytes()))
            own = (csv_import.name_of(connection), str(connection.pk))
            if others := [row.line for row in rows if row.decision and row.connection not in own]:
                raise CommandError(f"{name}: line {others[0]} is about another connection than {own[0]}.")
            found = import_links(rows, "the command line", dry_run)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}.") from None
        except csv_file.LinkFileError as error:
            raise CommandError("\n".join([f"{name}: nothing was changed.", *error.problems])) from None
        changes = [change for change in found.changes if change.effect != csv_import.NOTHING]
        for change in changes if dry_run else ():
            self.stdout.write(f"Line {change.row.line}: {change.words}")
        words = "would change" if dry_run else "changed"
        self.stdout.write(f"{name}: {len(rows)} lines, {len(changes)} links {words}.")
        return bool(changes) and not dry_run

    def _export(self, connection: Connection, name: str) -> None:
        links = connection.links.order_by("pk")
        try:
            with open(name, "w", encoding="utf-8", newline="") as file:
                file.writelines(csv_file.write_lines(csv_import.export_rows(links)))
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}.") from None
        self.stdout.write(f"{name}: {links.count()} links.")

    def _list(self, connection: Connection, state: str, limit: int) -> None:
        links = connection.links.filter(state=state).select_related("source_variant", "destination_variant")
        links = links.prefetch_related("candidates")
        for link in links[:limit]:
            partner = f" → {_named(link.destination_variant)}" if link.destination_variant else ""
            reason = f" — {link.reason}" if link.reason else ""
            self.stdout.write(f"{_named(link.source_variant)}{partner}{reason}")
            for candidate in link.candidates.all():
                self.stdout.write(f"    candidate: {_named(candidate)}")
        if (count := links.count()) > limit:
            self.stdout.write(f"… and {count - limit} more; see --limit.")


def _named(variant: Variant) -> str:
    return f"{variant} {variant.gid}"


def _link_of(connection: Connection, text: str) -> VariantLink:
    variant = find_variant(connection.source, text)
    link, _ = VariantLink.objects.get_or_create(connection=connection, source_variant=variant)
    return link
