"""Whose affair an error of Shopify's is: one thing's, which it is counted against, or the store's, for which all wait.

An error that is told of one request may be the thing's or the store's. So the thing is tried once more; what fails
twice is counted against it, and the others go on. Where many fail so, one after the other, the store is waited for.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from stores.shopify.errors import ObjectNotFound, QueryRejected, ShopifyError, UserErrors

Made = TypeVar("Made")
Record = TypeVar("Record")
TRIES_IN_A_ROW = 5


class OneRefused(Exception):
    """Shopify does not do this for this one thing; the message is what it said. `error` is the last of its tries."""

    def __init__(self, error: ShopifyError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def may_pass(self) -> bool:
        """Whether the same request may do better at another time."""
        return not isinstance(self.error, QueryRejected)


def concerns_one(error: ShopifyError) -> bool:
    """Whether Shopify said it of this request alone: with a code beside the data, or of a document it does not take."""
    return error.is_of_request or isinstance(error, QueryRejected)


class Tries:
    """What one worker does about things of one store, one after the other."""

    def __init__(self) -> None:
        self._in_a_row: list[ShopifyError] = []

    def make(self, work: Callable[[], Made], forget: Callable[[], object] = lambda: None) -> Made:
        """Do work about one thing, which must be safe to repeat; `forget` what was read before it is tried again.

        Raises OneRefused, and what the work raises of itself.
        """
        try:
            made = self._make(work, forget)
        except OneRefused as refused:
            if refused.may_pass:
                self._in_a_row.append(refused.error)
            raise
        except (UserErrors, ObjectNotFound):
            self._in_a_row.clear()
            raise
        self._in_a_row.clear()
        return made

    @staticmethod
    def _make(work: Callable[[], Made], forget: Callable[[], object]) -> Made:
        try:
            return work()
        except ShopifyError as error:
            if not concerns_one(error):
                raise
            if isinstance(error, QueryRejected):  # it would be rejected again
                raise OneRefused(error) from error
        forget()
        try:
            return work()
        except ShopifyError as error:
            if not concerns_one(error):
                raise
            raise OneRefused(error) from error

    def check_store(self) -> None:
        """Raises the last error where so many failed in a row that it is the store's. To be called between things."""
        if len(self._in_a_row) >= TRIES_IN_A_ROW:
            error, self._in_a_row = self._in_a_row[-1], []
            raise error


def read_each(
    read: Callable[[Sequence[str]], Sequence[Record]], gids: Sequence[str]
) -> tuple[list[Record], dict[str, OneRefused]]:
    """Read these at once; one by one where that fails for the sake of one: what there is, and which cannot be read.

    Raises the store's own errors, and where none of several can be read.
    """
    if not gids:
        return [], {}
    try:
        return list(read(gids)), {}
    except ShopifyError as error:
        if not concerns_one(error):
            raise
        first = error
    found: list[Record] = []
    refused: dict[str, OneRefused] = {}
    for gid in gids:
        try:
            found += Tries().make(partial(read, [gid]))
        except OneRefused as one:
            refused[gid] = one
    if len(refused) == len(gids) > 1:
        raise first
    return found, refused
