"""What a comparison of two products makes: what to write, what differs, and what somebody has to decide."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.rules.fields import Action, Difference, Field, Policy


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something an operator should decide. `blocks`: nothing at all may be written before."""

    kind: str
    reason: str
    blocks: bool = False


@dataclass
class Desired:
    """What to write, in this order; everything empty means that nothing is to be done.

    `product` is ProductSetInput for productSet (to create, if `is_new`); `file_urls` has for each of its files the
    source's address, '' for the destination's own. `variants` is for productVariantsBulkUpdate, `metafields` (without
    ownerId) for metafieldsSet, `metafields_gone` for metafieldsDelete; those of variants have their owner, and are
    `is_incomplete` where a variant must be made first. Channels: it is taken off those of `unpublish`,
    then put on those of `publish`, and on those of `schedule` from an instant on; at `due_at` ('': never) somebody must
    look again. `hides`: it is on sale, and is taken off; `is_hidden`: its source is on sale nowhere now.

    `written` is what to remember once all of it succeeded. `removes` names what of the destination this takes away;
    `removed_variants` are the variants among it (id -> name), `own_variants` the ids of those that stay though the
    source has none like them. `awaits_images`: some are still being processed, so look again later.
    """

    is_new: bool
    product: dict[str, Any] = field(default_factory=dict)
    file_urls: tuple[str, ...] = ()
    variants: list[dict[str, Any]] = field(default_factory=list)
    metafields: list[dict[str, str]] = field(default_factory=list)
    metafields_gone: list[dict[str, str]] = field(default_factory=list)
    variant_metafields: list[dict[str, str]] = field(default_factory=list)
    variant_metafields_gone: list[dict[str, str]] = field(default_factory=list)
    variant_names: dict[str, str] = field(default_factory=dict)  # of the owners of those, as people know them
    is_incomplete: bool = False
    publish: tuple[str, ...] = ()
    unpublish: tuple[str, ...] = ()
    schedule: dict[str, str] = field(default_factory=dict)
    due_at: str = ""
    hides: bool = False
    is_hidden: bool = False
    differences: list[Difference] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: dict[str, Any] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)
    removed_variants: dict[str, str] = field(default_factory=dict)
    own_variants: tuple[str, ...] = ()
    awaits_images: bool = False
    # Things of the source that metafields refer to, or videos of it, that have no partner yet; these videos in words.
    awaits: tuple[str, ...] = ()
    to_come: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        parts = (self.product, self.variants, self.metafields, self.metafields_gone)
        of_variants = (self.variant_metafields, self.variant_metafields_gone)
        return not any((*parts, *of_variants, self.changes_channels))

    @property
    def changes_channels(self) -> bool:
        """Whether it goes on sales channels, or off any."""
        return bool(self.publish or self.unpublish or self.schedule)

    def changes(self, is_preview: bool) -> bool:
        """Whether there is something to write; a preview also tells of videos that are to be imported first."""
        return not self.is_empty or (is_preview and bool(self.to_come))

    def equal_at(self, destination: ProductRecord) -> datetime | None:
        """The instant of the product that was compared, where there is nothing to write to it."""
        return destination.updated_at if self.is_empty else None

    @property
    def removal_words(self) -> str:
        """The variants that go."""
        return f"Removes {', '.join(self.removed_variants.values())}." if self.removed_variants else ""

    @property
    def is_blocked(self) -> bool:
        """Whether a conflict forbids to write anything."""
        return any(conflict.blocks for conflict in self.conflicts)

    def remove(self, policy: Policy, name: Field, what: str) -> None:
        """Name something of the destination that this takes away: what is not named is not removed."""
        self.differences.append(Difference(str(name), what, None, "there", policy.of(name), str(Action.REMOVE)))
        self.removes.append(what)


@dataclass(frozen=True)
class Verdict:
    """What is written of a product. `held`: the rows of what waits for an operator, with the `reason` in words."""

    desired: Desired
    reason: str = ""
    held: tuple[dict[str, Any], ...] = ()
    memory: dict[str, Any] = field(default_factory=dict)
    is_deferred: bool = False
