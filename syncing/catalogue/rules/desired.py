"""What must be written to make a destination's product what the policy says, pure; and nothing else is touched.

`build` compares and decides field by field. Its result is the input of Shopify's mutations and the list of differences
for people. Lists in productSet delete what they do not hold, so variants and files are either sent complete or not at
all; single variants and metafields go by mutations of their own.
"""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from stores.selection import tag_key
from stores.shopify.cdn import identity_of
from stores.shopify.products.product_records import ProductRecord
from stores.shopify.products.product_writes import MOST_VARIANTS
from syncing.catalogue.rules import fields, images, metafields, variants
from syncing.catalogue.rules.fields import CREATE_ONLY, IGNORE, SYNC, Difference, Field, Judge, Policy
from syncing.catalogue.rules.parts import variant_metafields, visibility
from syncing.catalogue.rules.parts.made import Conflict, Desired
from syncing.catalogue.rules.parts.variant_rows import VariantRows

MOST_TAGS = 250  # of one product
EDITED, TOO_MANY_TAGS, GIFT_CARD, BUNDLE = "edited", "too_many_tags", "gift_card", "bundle"
TOO_MANY_MEDIA = "too_many_media"
COMING = "coming"  # in the memory of a product: its videos that had no copy when it was written


def build(
    source: ProductRecord,
    destination: ProductRecord | None,
    policy: Policy,
    *,
    linked: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    written: Mapping[str, Any] | None = None,
    stock: Mapping[str, Sequence[tuple[str, int]]] | None = None,
    removable: Container[str] = (),
    schedulable: Collection[str] = (),
    may_hide: bool = True,
) -> Desired:
    """Compare a source's product with the destination's, None to create it.

    `linked` is source variant gid -> destination variant gid as the operator or matching said; `files` is source
    address -> file gid in the destination, of files that still exist there; `written` is what was remembered of the
    last write; `stock` gives variants that are created their first quantities, source variant gid -> [(destination
    location gid, quantity)]; `removable` are variants that only the destination has and may lose: all others it keeps.
    `schedulable` and `may_hide`: see `visibility`. Raises ValueError for a rate that is not above 0.
    """
    builder = _Builder(source, destination, policy, files or {}, written or {})
    rows = VariantRows(
        source,
        destination,
        builder.judge,
        builder.made,
        linked=linked or {},
        files=files or {},
        stock=stock or {},
        removable=removable,
    )
    made = builder.build(rows)
    if not policy.follows_visibility:
        builder.publish()
    else:
        visibility.plan_channels(source, destination, builder.judge, made, schedulable, may_hide=may_hide)
    builder.note_kept()
    return made


class _Builder:
    """One comparison. The order of the steps matters only to the list of differences."""

    def __init__(
        self,
        source: ProductRecord,
        destination: ProductRecord | None,
        policy: Policy,
        files: Mapping[str, str],
        written: Mapping[str, Any],
    ) -> None:
        self.source, self.destination, self.policy, self.files = source, destination, policy, files
        self.judge = Judge(policy, deepcopy(dict(written)) if destination else {})
        self.made = Desired(is_new=destination is None, differences=self.judge.differences)

    def build(self, rows: VariantRows) -> Desired:
        if self.destination is None:
            self._refuse_what_cannot_be_created()
        self._simple_fields()
        self._tags()
        self._images()
        self._metafields()
        rows.build()
        made, judge = self.made, self.judge
        made.written = judge.written
        return made

    def note_kept(self) -> None:
        """Say what was edited in the destination and is kept."""
        if self.judge.kept:
            shown = ", ".join(self.judge.kept[:10]) + (" …" if len(self.judge.kept) > 10 else "")
            self.made.conflicts.append(Conflict(EDITED, f"Edited in the destination and kept: {shown}."))

    def _refuse_what_cannot_be_created(self) -> None:
        if self.source.is_gift_card:
            self.made.conflicts.append(Conflict(GIFT_CARD, "Gift cards are not created in another store.", True))
        if len(self.source.variants) > MOST_VARIANTS:
            reason = f"It has {len(self.source.variants):,} variants; a product takes {MOST_VARIANTS:,}."
            self.made.conflicts.append(Conflict(variants.TOO_MANY_VARIANTS, reason, True))
        if any(variant.requires_components for variant in self.source.variants):
            reason = "It is a bundle: the app that made it has to make it in the destination, too."
            self.made.conflicts.append(Conflict(BUNDLE, reason, True))

    def _simple_fields(self) -> None:
        wanted = fields.product_values(self.source)
        current = fields.product_values(self.destination) if self.destination else {}
        for name, value in wanted.items():
            if self._settle(name, value, current.get(name, "")):
                self.made.product |= fields.product_input(name, value)
        if self.destination is None:  # named in any case: a creation whose answer is lost is looked for by its handle
            self.made.product.setdefault("handle", fields.handle_from(self.source.title) or self.source.handle)
        elif "handle" in self.made.product:
            self.made.product["redirectNewHandle"] = True

    def _settle(self, name: Field, wanted: Any, current: Any, **more: Any) -> bool:
        if self.destination is None:
            return self.judge.set_anew(name, wanted, self.judge.written)
        if name == Field.CATEGORY:
            more["shown"] = fields.category_names(self.source, self.destination)
        return self.judge.judge(name, wanted, current, self.judge.written, **more)

    def _tags(self) -> None:
        last = self.judge.written.get(Field.TAGS) or []
        tags = list({tag_key(tag): tag for tag in self.source.tags}.values())
        keys = {tag_key(tag) for tag in tags}
        present = self.destination.tags if self.destination else ()
        if self.policy.merges_tags:
            # Ours that have left the source go, what the destination has of its own stays.
            tags += [tag for tag in present if tag_key(tag) not in keys and tag_key(tag) not in last]
        if len(tags) > MOST_TAGS and self.policy.sets(Field.TAGS, is_new=self.destination is None):
            reason = f"It would have {len(tags)} tags; a product takes {MOST_TAGS}. Its tags were left alone."
            self.made.conflicts.append(Conflict(TOO_MANY_TAGS, reason))
            return
        wanted, current = (sorted({tag_key(tag) for tag in some}) for some in (tags, present))
        shown = (sorted(tags), sorted(present))
        if self._settle(Field.TAGS, wanted, current, shown=shown, is_merged=self.policy.merges_tags):
            self.made.product["tags"] = sorted(tags)
        if self.policy.merges_tags and self.policy.sets(Field.TAGS, is_new=self.destination is None):
            self.judge.written[Field.TAGS] = sorted(keys)

    def _images(self) -> None:
        if self.policy.of(Field.IMAGES) == IGNORE:
            return
        plan, last = self._plan_images()
        self.made.notes += plan.notes
        if plan.awaits:
            self.made.awaits_images = True
            if self.destination:  # what is there stays until it is known what should be
                return
        if len(plan.rows) > images.MOST_FILES:
            reason = f"It would have {len(plan.rows)} images and videos; a product takes {images.MOST_FILES}. They were"
            self.made.conflicts.append(Conflict(TOO_MANY_MEDIA, f"{reason} left alone."))
            return
        merges, is_completed = self.policy.merges_images, self._completes(plan, last)
        judged = {"shown": plan.shown, "is_merged": merges}
        if (self._settle(Field.IMAGES, plan.wanted, plan.current, **judged) or is_completed) and (
            plan.rows or self.destination
        ):
            self.made.product["files"], self.made.file_urls = plan.rows, plan.urls
            for media in images.removed(self.destination, plan.rows):
                self.made.remove(self.policy, Field.IMAGES, images.name_of(media))
        is_set = self.policy.sets(Field.IMAGES, is_new=self.destination is None)
        if (merges and is_set) or is_completed:
            self.judge.written[Field.IMAGES] = plan.wanted[: plan.ours] if merges else plan.wanted

    def _plan_images(self) -> tuple[images.ImagePlan, Sequence[Sequence[str]]]:
        policy, last = self.policy, self.judge.written.get(Field.IMAGES) or []
        manner = images.Manner(policy.moves, policy.merges_images, policy.keeps_edits, policy.failures)
        return images.plan_images(self.source, self.destination, self.files, manner, last=last), last

    def _completes(self, plan: images.ImagePlan, last: Sequence[Sequence[str]]) -> bool:
        """Whether videos have come since the product was created, where nobody has touched its images in between.

        Also notes what is still to come: with *Create only* nothing but that.
        """
        before = self.judge.written.pop(COMING, [])
        is_open = self.destination is None or self.policy.of(Field.IMAGES) == SYNC
        coming = [gid for gid in plan.coming if is_open or gid in before]
        if coming:
            self.judge.written[COMING] = coming
            self.made.awaits, self.made.to_come = tuple(coming), plan.to_come
            if self.destination and plan.to_come:
                pair = (f"to be imported: {plan.to_come}", "")
                how = (self.policy.of(Field.IMAGES), fields.Action.WRITE)
                self.judge.differences.append(Difference(Field.IMAGES, "", *pair, *how))
        has_come = not is_open and any(gid in self.files for gid in before)
        return has_come and [list(entry) for entry in last] == plan.current

    def publish(self) -> None:
        """On the chosen channels, whatever the source's are."""
        present = self.destination.publication_gids if self.destination else ()
        missing = tuple(gid for gid in self.policy.publication_gids if gid not in present)
        if not missing or not self.policy.sets(Field.PUBLISHING, is_new=self.destination is None):
            return
        self.made.publish = missing
        if self.destination:
            wanted, current = f"on {len(missing)} more", f"on {len(present)}"
            self.judge.differences.append(Difference(Field.PUBLISHING, "", wanted, current, SYNC, fields.Action.WRITE))

    def _metafields(self) -> None:
        is_new = self.destination is None
        memory = self.judge.written.setdefault(str(Field.METAFIELDS), {})
        plan = metafields.plan_for(self.source, self.policy, memory)
        if not self.policy.sets(Field.METAFIELDS, is_new=is_new) or not self.policy.namespaces:
            return
        self.made.notes += plan.notes
        self.made.awaits = tuple(dict.fromkeys((*self.made.awaits, *plan.awaits)))
        present = {metafields.key_of(row): row for row in self.destination.metafields} if self.destination else {}
        rows = []
        for key, record in plan.wanted.items():
            value = metafields.value_of(record)
            if is_new:
                to_write = self.judge.set_anew(Field.METAFIELDS, value, memory, key)
            else:
                current = metafields.value_of(present[key]) if key in present else None
                to_write = self.judge.judge(Field.METAFIELDS, value, current, memory, key=key, subject=key)
            if to_write:
                rows.append(metafields.metafield_input(record))
        if is_new and rows:
            self.made.product["metafields"] = rows
        elif rows:
            self.made.metafields = rows
        self._metafields_gone(plan.gone, memory, present)

    def _metafields_gone(self, gone: Sequence[str], memory: dict[str, Any], present: Mapping[str, Any]) -> None:
        for key in gone:
            if key not in present:
                memory.pop(key)
            elif self.judge.judge(
                Field.METAFIELDS, None, metafields.value_of(present[key]), memory, key=key, subject=key
            ):
                self.made.metafields_gone.append(metafields.identifier_input(key))
                memory.pop(key)


def watched_values(source: ProductRecord, policy: Policy, linked: Mapping[str, str] | None = None) -> dict[str, Any]:
    """All that decides what would be written to a product that exists: its fingerprint is compared before any call.

    Policies and prices are part of it, so a changed rule changes it; the destination is not.
    """
    synced = {name for name in Field if policy.of(name) == SYNC}
    values = {name: value for name, value in fields.product_values(source).items() if name in synced}
    watched: dict[str, Any] = {
        "policies": {str(name): policy.of(name) for name in Field},
        "merging": [policy.merges_tags, policy.merges_images, policy.keeps_edits],
        "fields": {str(name): value for name, value in values.items()},
        "linked": dict(linked or {}),
        "options": variants.structure_value(source),
        "variants": {
            variant.gid: {
                str(name): value for name, value in fields.wanted_values(variant, policy).items() if name in synced
            }
            for variant in source.variants
        },
    }
    if policy.follows_visibility and policy.of(Field.PUBLISHING) != IGNORE:
        watched["visible"] = visibility.visibility_of(source)
    if policy.removes_own:
        watched["own"] = "remove"
    if Field.COMPARE_AT_PRICE in synced and (Field.PRICE not in synced or policy.keeps_edits):  # beside another price
        watched["compare_at"] = {
            variant.gid: fields.compare_at_value(variant, policy, Decimal(0)) for variant in source.variants
        }
    if Field.PUBLISHING in synced:
        watched["publications"] = sorted(policy.publication_gids)
    return watched | _watched_lists(source, policy, synced) | _watched_metafields(source, policy, synced)


def awaited(source: ProductRecord, policy: Policy, before: Iterable[str]) -> list[str]:
    """What a product that is there still waits for, of what it waited for `before`, and for its metafields."""
    videos = {media.gid for media in images.source_videos(source)} if policy.moves else set()
    left = [gid for gid in before if gid in videos and gid not in policy.partners]
    return list(dict.fromkeys((*left, *metafields.awaited(source, policy))))


def _watched_lists(source: ProductRecord, policy: Policy, synced: Container[str]) -> dict[str, Any]:
    watched: dict[str, Any] = {}
    if Field.TAGS in synced:
        watched["tags"] = sorted({tag_key(tag) for tag in source.tags})
    if Field.IMAGES in synced:
        listed = images.source_images(source)
        watched["images"] = images.watched(source, policy.partners, moves=policy.moves)
        urls = {image.gid: identity_of(image.url) for image in listed}
        watched["variant_images"] = {variant.gid: urls.get(variant.media_gid, "") for variant in source.variants}
    elif policy.moves and policy.of(Field.IMAGES) == CREATE_ONLY:  # those that come later belong to the creation
        copies = {media.gid: policy.partners.get(media.gid, "") for media in images.source_videos(source)}
        watched |= {"videos": copies} if copies else {}
    return watched


def _watched_metafields(source: ProductRecord, policy: Policy, synced: Container[str]) -> dict[str, Any]:
    watched: dict[str, Any] = {}
    if Field.METAFIELDS in synced:
        plan = metafields.plan_for(source, policy, ())
        watched["metafields"] = {key: metafields.value_of(record) for key, record in plan.wanted.items()}
        watched["namespaces"] = sorted(policy.namespaces)
    if Field.VARIANT_METAFIELDS in synced and (found := variant_metafields.watched(source, policy)):
        watched["variant_metafields"] = found
    return watched
