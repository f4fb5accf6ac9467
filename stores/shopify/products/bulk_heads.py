"""Products in a few words by one bulk query, where pages would cost 24 points for 250.

A search could miss what its index does not have yet, so this is none: all products. The file is read to its end and
counted before anybody sees a line of it: half a list would look like a store that lost the rest.
"""

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any

from stores.shopify import bulk, gids
from stores.shopify.client import Client
from stores.shopify.errors import BulkFailed, UnexpectedAnswer
from stores.shopify.instants import parse_instant
from stores.shopify.products import product_heads
from stores.shopify.products.product_heads import HEAD, ProductHead

# Sent as a bulk query, not by itself.
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
BULK_HEADS = f"""
query BulkHeads {{ products {{ edges {{ node {{ {HEAD} }} }} }} }}
"""


# Sent as a bulk query, not by itself. The search of products takes a range of ids (QueryRoot.products).
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/products
BULK_INSTANTS = """
query BulkInstants { products(query: "RANGE") { edges { node { id updatedAt } } } }
"""


class HeadFile:
    """A store's products, on disk; listed by id, each once."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 (gone with this object)
        places: dict[int, int] = {}
        for line in lines:
            product_heads.head_of(line)  # or it is not what was asked for
            places[gids.number(line["id"], "Product")] = self._file.tell()
            self._file.write(json.dumps(line).encode() + b"\n")
        self._places = [places[number] for number in sorted(places)]

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[ProductHead]:
        for place in self._places:
            self._file.seek(place)
            yield product_heads.head_of(json.loads(self._file.readline()))


def query_of(identifier: str) -> str:
    """The bulk query with a name of its own, by which it is found where the answer to its start is lost."""
    return BULK_HEADS.replace("BulkHeads", f"BulkHeads_{identifier}", 1).strip()


def start(client: Client, identifier: str) -> str:
    """Begin it and return the gid of its operation. Raises as `bulk.start` does."""
    return bulk.start_or_find(client, query_of(identifier))


def find(client: Client, identifier: str) -> str:
    """The gid of the one that was begun under this name, '' where there is none. Raises as Client.execute does."""
    found = bulk.find_begun(client, query_of(identifier))
    return found.gid if found else ""


def read(
    client: Client, gid: str, least: int, *, sleep: Callable[[float], None], poll_seconds: float, longest_wait: float
) -> HeadFile:
    """Wait for it, and read it whole. `least`: so many products the store had when it was begun.

    Raises BulkFailed also where there are fewer than that and than the store has now, and as `bulk.wait` and
    `bulk.stream` do.
    """
    state = bulk.wait(client, gid, sleep=sleep, poll_seconds=poll_seconds, longest_wait=longest_wait)
    try:
        file = HeadFile(bulk.stream_whole(client, state))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnexpectedAnswer(f"{client.domain}: a bulk result lacks what was asked for.") from error
    if len(file) < least and len(file) < product_heads.count_products(client):
        raise BulkFailed(
            f"{client.domain}: a bulk result has {len(file)} of {least} products.", error_code="INCOMPLETE"
        )
    return file


def read_instants(
    client: Client,
    product_gids: Collection[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    poll_seconds: float = 1.0,
    longest_wait: float = 60.0,
) -> dict[str, datetime]:
    """As product_heads.read_instants, by one bulk query over the range of their ids, where there are many.

    One that the search does not find is left out as well. Raises as `bulk.run` does.
    """
    numbers = [gids.number(gid, "Product") for gid in product_gids]
    text = BULK_INSTANTS.replace("RANGE", f"id:>={min(numbers)} AND id:<={max(numbers)}").strip()
    query = text.replace("BulkInstants", f"BulkInstants_{uuid.uuid4().hex}", 1)
    wanted, found = set(product_gids), dict[str, datetime]()
    try:
        for line in bulk.run(client, query, sleep=sleep, poll_seconds=poll_seconds, longest_wait=longest_wait):
            if line["id"] in wanted:
                found[line["id"]] = parse_instant(line["updatedAt"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer(f"{client.domain}: a bulk result lacks what was asked for.") from error
    return found
