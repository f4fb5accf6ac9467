"""What must be written to make a destination's product what the policy says, pure; and nothing else is touched.

`build` compares and decides field by field. Its result is the input of Shopify's mutations and the list of differences
for people. Lists in productSet delete what they do not hold, so variants and files are either sent complete or not at
all; single variants and metafields go by mutations of their own.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from stores.selection import tag_key
from stores.shopify.cdn import identity_of
from stores.shopify.products.product_records import ProductRecord, ProductVariantRecord
from stores.shopify.products.product_writes import MOST_VARIANTS
from syncing.catalogue.rules import fields, images, metafields, variants
from syncing.catalogue.rules.fields import IGNORE, SYNC, Difference, Field, Judge, Policy

MOST_TAGS = 250  # of one product
PARTNER = "partner"  # in the memory of a variant: whose values these are
EDITED, TOO_MANY_TAGS, GIFT_CARD, BUNDLE = "edited", "too_many_tags", "gift_card", "bundle"


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
    ownerId) for metafieldsSet, `metafields_gone` for metafieldsDelete, `publish` are channels to be put on. `written`
    is what to remember once all of it succeeded. `awaits_images`: some are still being processed, so look again later.
    """

    is_new: bool
    product: dict[str, Any] = field(default_factory=dict)
    file_urls: tuple[str, ...] = ()
    variants: list[dict[str, Any]] = field(default_factory=list)
    metafields: list[dict[str, str]] = field(default_factory=list)
    metafields_gone: list[dict[str, str]] = field(default_factory=list)
    publish: tuple[str, ...] = ()
    differences: list[Difference] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: dict[str, Any] = field(default_factory=dict)
    awaits_images: bool = False
    awaits: tuple[str, ...] = ()  # things of the source that metafields refer to, and that have no partner yet

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        parts = (self.product, self.variants, self.metafields, self.metafields_gone, self.publish)
        return not any(parts)

    @property
    def is_blocked(self) -> bool:
        """Whether a conflict forbids to write anything."""
        return any(conflict.blocks for conflict in self.conflicts)


def build(
    source: ProductRecord,
    destination: ProductRecord | None,
    policy: Policy,
    *,
    linked: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    written: Mapping[str, Any] | None = None,
    stock: Mapping[str, Sequence[tuple[str, int]]] | None = None,
) -> Desired:
    """Compare a source's product with the destination's, None to create it.

    `linked` is source variant gid -> destination variant gid as the operator or matching said; `files` is source
    address -> file gid in the destination, of files that still exist there; `written` is what was remembered of the
    last write; `stock` gives variants that are created their first quantities, source variant gid -> [(destination
    location gid, quantity)]. Raises ValueError for a rate that is not above 0.
    """
    return _Builder(source, destination, policy, linked or {}, files or {}, written or {}, stock or {}).build()


class _Builder:
    """One comparison. The order of the steps matters only to the list of differences."""

    def __init__(
        self,
        source: ProductRecord,
        destination: ProductRecord | None,
        policy: Policy,
        linked: Mapping[str, str],
        files: Mapping[str, str],
        written: Mapping[str, Any],
        stock: Mapping[str, Sequence[tuple[str, int]]],
    ) -> None:
        self.source, self.destination, self.policy = source, destination, policy
        self.linked, self.files, self.stock = linked, files, stock
        self.judge = Judge(policy, deepcopy(dict(written)) if destination else {})
        self.made = Desired(is_new=destination is None)

    def build(self) -> Desired:
        if self.destination is None:
            self._refuse_what_cannot_be_created()
        self._simple_fields()
        self._tags()
        self._images()
        self._metafields()
        self._variants()
        self._publishing()
        made, judge = self.made, self.judge
        made.differences, made.written = judge.differences, judge.written
        if judge.kept:
            shown = ", ".join(judge.kept[:10]) + (" …" if len(judge.kept) > 10 else "")
            made.conflicts.append(Conflict(EDITED, f"Edited in the destination and kept: {shown}."))
        return made

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
        if Field.TAGS in self.judge.written and self.policy.merges_tags:
            self.judge.written[Field.TAGS] = sorted(keys)

    def _images(self) -> None:
        if self.policy.of(Field.IMAGES) == IGNORE:
            self.judge.written.pop(Field.IMAGES, None)
            return
        merges, last = self.policy.merges_images, self.judge.written.get(Field.IMAGES) or []
        plan = images.plan_images(self.source, self.destination, self.files, merges=merges, last=last)
        self.made.notes += plan.notes
        if plan.awaits:
            self.made.awaits_images = True
            if self.destination:  # what is there stays until it is known what should be
                return
        shown = (_describe_images(plan.wanted), _describe_images(plan.current))
        if self._settle(Field.IMAGES, plan.wanted, plan.current, shown=shown, is_merged=merges) and (
            plan.rows or self.destination
        ):
            self.made.product["files"], self.made.file_urls = plan.rows, plan.urls
        if Field.IMAGES in self.judge.written and merges:
            ours = len(images.source_images(self.source))
            self.judge.written[Field.IMAGES] = plan.wanted[:ours]

    def _publishing(self) -> None:
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
            if not is_new:
                memory.clear()
            return
        self.made.notes += plan.notes
        self.made.awaits = plan.awaits
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

    # Variants

    def _variants(self) -> None:
        memory = self.judge.written.setdefault("variants", {})
        if self.destination is None:
            self.judge.set_anew(Field.OPTIONS, variants.structure_value(self.source), self.judge.written)
            found = variants.Structure(tuple((variant, None) for variant in self.source.variants), ())
            is_built = True
        else:
            found = variants.match_variants(self.source, self.destination, self.linked)
            is_built = self._settle_structure(found)
        alive = {variant.gid for variant in self.source.variants}
        for gid in [gid for gid in memory if gid not in alive]:
            del memory[gid]
        rows = [
            self._variant(variant, partner, memory, is_built) for variant, partner in found.pairs if partner or is_built
        ]
        if is_built:
            self.made.product["productOptions"] = variants.options_input(self.source, self.destination)
            self.made.product["variants"] = rows
        else:
            self.made.variants = [row for row in rows if len(row) > 1]
            self._note_unpaired(found)

    def _settle_structure(self, found: variants.Structure) -> bool:
        """Whether options and variants are to be written as a whole."""
        assert self.destination is not None  # a product that is not there yet gets its structure from its creation
        products = (self.source, self.destination)
        wanted, current = (variants.structure_value(product) for product in products)
        if wanted != current and found.conflict and self.policy.of(Field.OPTIONS) == SYNC:
            self.made.conflicts.append(Conflict(found.conflict, found.reason))
            return False
        before, after = (variants.describe_structure(product) for product in products)
        return self.judge.judge(Field.OPTIONS, wanted, current, self.judge.written, shown=(before, after))

    def _note_unpaired(self, found: variants.Structure) -> None:
        missing = [variant.title for variant, partner in found.pairs if partner is None]
        if missing:
            shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
            self.made.notes.append(f"{len(missing)} variants have no partner in the destination: {shown}.")

    def _variant(
        self,
        variant: ProductVariantRecord,
        partner: ProductVariantRecord | None,
        memory: dict[str, Any],
        is_built: bool,
    ) -> dict[str, Any]:
        """The input row of one variant: complete for one that is created, else its id and what is to be changed."""
        own = memory.setdefault(variant.gid, {})
        if partner and own.get(PARTNER, partner.gid) != partner.gid:
            own.clear()  # it was linked to another one: what was written there says nothing about this one
        if partner:
            own[PARTNER] = partner.gid
        wanted = fields.wanted_values(variant, self.policy)
        if fields.PRICE_FIELDS & wanted.keys() and variant.price > 0 and wanted[Field.PRICE] == "0.00":
            self._note_free(variant)
        if partner is None:
            chosen = {name: value for name, value in wanted.items() if self.judge.set_anew(name, value, own)}
        else:
            current, subject = fields.current_values(partner), self._subject(variant)
            chosen = {
                name: value
                for name, value in wanted.items()
                if self.judge.judge(name, value, current[name], own, subject=subject)
            }
        row = fields.variant_input(chosen)
        if partner and not is_built:
            return {"id": partner.gid} | row | self._variant_media(variant, partner)
        row = fields.as_set_input(row) | self._variant_file(variant, partner)
        if partner is None and (levels := self.stock.get(variant.gid)):
            row["inventoryQuantities"] = [
                {"locationId": location, "name": "available", "quantity": quantity} for location, quantity in levels
            ]
        row |= {"optionValues": variants.option_values_input(variant)}
        return {"id": partner.gid} | row if partner else row

    def _subject(self, variant: ProductVariantRecord) -> str:
        return "" if self.source.has_only_default_variant else variant.title

    def _note_free(self, variant: ProductVariantRecord) -> None:
        note = f"The price rule makes {self._subject(variant) or 'it'} cost nothing."
        if self.policy.of(Field.PRICE) != IGNORE:
            self.made.notes.append(note)

    def _variant_file(self, variant: ProductVariantRecord, partner: ProductVariantRecord | None) -> dict[str, Any]:
        """The image of a variant in productSet, where the product's files must hold it, too."""
        image = self._image_of(variant)
        if image is None or not self.policy.sets(Field.IMAGES, is_new=partner is None):
            return {}
        reference = images.file_input(image, self.files)
        if partner and reference.get("id") == partner.media_gid:
            return {}
        listed = self.made.product.get("files")
        if listed is None and self.destination:
            shown = {media.gid for media in self.destination.media}
            if reference.get("id") not in shown:
                return {}
            self.made.product["files"] = [{"id": media.gid} for media in self.destination.media]
            self.made.file_urls = ("",) * len(self.destination.media)
        return {"file": reference}

    def _variant_media(self, variant: ProductVariantRecord, partner: ProductVariantRecord) -> dict[str, str]:
        """The image of an existing variant: only one that is ready can be taken, others are looked at again later."""
        image = self._image_of(variant)
        if image is None or self.policy.of(Field.IMAGES) != SYNC:
            return {}
        gid = self.files.get(image.url, "")
        if gid and gid == partner.media_gid:
            return {}
        statuses = {media.gid: media.status for media in (self.destination.media if self.destination else ())}
        if statuses.get(gid) == images.READY:
            return {"mediaId": gid}
        if "files" in self.made.product or (gid and statuses.get(gid) != images.FAILED):
            self.made.awaits_images = True
        return {}

    def _image_of(self, variant: ProductVariantRecord) -> Any:
        listed = images.source_images(self.source)
        return next((image for image in listed if image.gid == variant.media_gid), None)


def _describe_images(entries: Sequence[Sequence[str]]) -> str:
    alts = [alt for _, alt in entries if alt]
    shown = f" ({', '.join(alts[:5])}{' …' if len(alts) > 5 else ''})" if alts else ""
    return f"{len(entries)} images{shown}"


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
    if Field.TAGS in synced:
        watched["tags"] = sorted({tag_key(tag) for tag in source.tags})
    if Field.IMAGES in synced:
        listed = images.source_images(source)
        watched["images"] = [[identity_of(image.url), image.alt] for image in listed]
        urls = {image.gid: identity_of(image.url) for image in listed}
        watched["variant_images"] = {variant.gid: urls.get(variant.media_gid, "") for variant in source.variants}
    if Field.METAFIELDS in synced:
        plan = metafields.plan_for(source, policy, ())
        watched["metafields"] = {key: metafields.value_of(record) for key, record in plan.wanted.items()}
        watched["namespaces"] = sorted(policy.namespaces)
    if Field.PUBLISHING in synced:
        watched["publications"] = sorted(policy.publication_gids)
    return watched
