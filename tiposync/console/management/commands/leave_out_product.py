"""Leave single products of a source out of a connection, or take them back."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stores import selecting
from stores.models import Connection, ProductLink
from stores.shopify import gids
from syncing.connections import participation
from syncing.queue import enqueue
from syncing.stock import ends
from tiposync.console.kit.numbers import row_number
from tiposync.console.management.ending import add_quantities, end
from tiposync.console.management.lookup import find_connection, name_of

EXPLANATION = """\
A product that is left out no longer follows along this connection, whatever its selection says, and neither does its
stock. What becomes of it in the destination is the connection's choice for what no longer follows (set_catalogue
--unlink). Taken back, it follows again, and appears where it was.

Products are named by their handle in the source, their number or their gid. Without any, those left out are listed.

Examples:
  manage.py leave_out_product main.myshopify.com:eu.myshopify.com green-lamp
  manage.py leave_out_product main.myshopify.com:eu.myshopify.com green-lamp --take-back

Exit codes: 0 done; 1 refused; 2 wrong usage.
"""


class Command(BaseCommand):
    help = EXPLANATION
    requires_migrations_checks = True

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("connection", help="source:destination (their domains), or its number")
        parser.add_argument("product", nargs="*", help="handle, number or gid in the source")
        add_quantities(parser)
        parser.add_argument("--take-back", action="store_true", help="let them follow again")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = find_connection(options["connection"])
        links = [_find(connection, text) for text in options["product"]]  # all are there, or nothing is done
        for link in links:
            if options["take_back"]:
                selecting.include_again(link)
            else:
                selecting.exclude(link, "the command line")
            participation.follow(connection, [link.source_gid])
            if not options["take_back"]:
                end(self.stdout, ends.of_products(connection, [link.source_gid]), options["quantities"])
            enqueue.sync_product(connection, link.source_gid, due_in=0)
        left_out = connection.product_links.exclude(excluded_by="")
        self.stdout.write(f"{name_of(connection)}: {left_out.count()} left out.")
        for link in left_out:
            self.stdout.write(f"  {link.title} ({link.handle}), by {link.excluded_by}")


def _find(connection: Connection, text: str) -> ProductLink:
    """Raises CommandError for none."""
    gid = text if row_number(text) is None else gids.gid("Product", text)
    links = connection.product_links
    link = links.filter(source_gid=gid).first() or links.filter(handle=text.strip().lower()).first()
    if link is None:
        raise CommandError(f"{name_of(connection)}: no product {text} has been looked at yet.")
    return link
