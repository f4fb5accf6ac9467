"""What one run met with: which stores it cannot read or write just now, which levels it could not read, and why.

An error of one store is not the connection's: it is noted here, all that does not need that store goes on, and the
worst is raised when everything else is done.
"""

from stores.shopify import errors
from stores.shopify.errors import ShopifyError

# A single bad row can look like these; two in a row are the store's fault.
ROW_OR_STORE = (errors.ServerError, errors.UnexpectedAnswer)
STRIKES = 2
# How long failing reads of one store may take a run, and how many there may be: what is bad is found by halving.
READ_SECONDS, FAILED_READS = 10.0, 40


class Troubles:
    """The troubles of one run; stores and levels by their ids."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self.unread_level_ids: set[int] = set()
        self._unwritable: set[int] = set()
        self._unreadable: set[int] = set()
        self._strikes: dict[int, int] = {}
        self._read_seconds: dict[int, float] = {}
        self._failed_reads: dict[int, int] = {}

    def can_write(self, store_id: int) -> bool:
        """Whether this run may still send a write to the store."""
        return store_id not in self._unwritable

    def can_read(self, store_id: int) -> bool:
        """Whether this run may still ask the store for levels."""
        return store_id not in self._unreadable

    def note_write(self, store_id: int, error: Exception) -> None:
        """A write to the store ended with an error; most errors are the store's, so no other is sent in this run."""
        self.errors.append(error)
        if isinstance(error, ROW_OR_STORE):
            self._strikes[store_id] = self._strikes.get(store_id, 0) + 1
            if self._strikes[store_id] < STRIKES:
                return
        if is_of_store(error):
            self._unwritable.add(store_id)

    def note_written(self, store_id: int) -> None:
        """The store answered a write."""
        self._strikes.pop(store_id, None)

    def note_read(self, store_id: int, error: Exception, seconds: float) -> bool:
        """A read of the store's levels ended with an error after `seconds`; whether others of them may do better."""
        spent = self._read_seconds[store_id] = self._read_seconds.get(store_id, 0.0) + seconds
        count = self._failed_reads[store_id] = self._failed_reads.get(store_id, 0) + 1
        is_hopeless = is_of_store(error) and not isinstance(error, ROW_OR_STORE)
        if is_hopeless or spent > READ_SECONDS or count > FAILED_READS:
            self._unreadable.add(store_id)
        return store_id not in self._unreadable

    def raise_worst(self) -> None:
        """Raise the worst of what was met: what does not pass by itself; else what may be tried again the soonest."""
        if worst := self.worst():
            raise worst

    def hides_passing(self) -> bool:
        """Whether something passes by itself while the worst does not."""
        passing = [getattr(error, "failure", "") == errors.TRANSIENT for error in self.errors]
        return any(passing) and not all(passing)

    def worst(self) -> Exception | None:
        """That error; None if all went well."""
        return min(self.errors, key=_rank, default=None)


def is_of_store(error: Exception) -> bool:
    """Whether an error speaks of the store and not of what was asked of it."""
    return isinstance(error, ShopifyError) and error.failure in (errors.TRANSIENT, errors.MISCONFIGURED)


def _rank(error: Exception) -> tuple[int, float]:
    failure = getattr(error, "failure", errors.BUG)
    order = [errors.BUG, errors.REJECTED, errors.MISCONFIGURED, errors.TRANSIENT]
    return order.index(failure) if failure in order else len(order), getattr(error, "retry_after", 0) or 0
