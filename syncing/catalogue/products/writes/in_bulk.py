"""What of a follower's writes bulk operations take over; where there are none, nothing."""

from collections.abc import Callable, Sequence

from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.outcome import Outcome
from syncing.catalogue.products.cases import Case, Written
from syncing.catalogue.rules.fields import Policy
from syncing.catalogue.rules.parts.made import Desired


class InBulk:
    """Takes nothing over: all is written singly. Runs have one that does (syncing.catalogue.bulk.gathering)."""

    def gather(self, row: Written, partner: ProductRecord, define: Callable[[Desired], None]) -> bool:
        """Whether it records as a line what is to be written to a product. `define` makes what must be there before."""
        return False

    def creatable(self, cases: Sequence[Case]) -> set[str]:
        """Those of these, by their source gids, that may be made by lines: they are carried together, and recorded."""
        return set()

    def create(self, case: Case, desired: Desired, define: Callable[[Desired], None]) -> bool:
        """Whether it takes over to have a creatable product made; `record` follows."""
        return False

    def record(self) -> set[str]:
        """Record as lines what `create` took over; those that are not to be made now, by their source gids."""
        return set()

    def note(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether it takes down itself what came of these products, which were made."""
        return False

    def made(self, cases: Sequence[Case], policy: Policy) -> dict[str, tuple[str, Desired]]:
        """Those of which a line has made the product, and the rest is to be done as after a single creation.

        Source gid -> the gid of what was made, and what it should become, with what is still to be sent.
        """
        return {}
