"""The variants of a product that is written, pure: which are the source's, which the destination's own, and their rows.

productSet deletes every variant that it is not told of: so what only the destination has is named in it, unless it may
be removed, and what is removed is named to people.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from stores.shopify.products.product_records import MediaRecord, ProductRecord, ProductVariantRecord
from syncing.catalogue.rules import fields, images, variants
from syncing.catalogue.rules.fields import IGNORE, SYNC, Field, Judge
from syncing.catalogue.rules.parts import variant_metafields
from syncing.catalogue.rules.parts.made import Conflict, Desired
from syncing.catalogue.rules.parts.variant_metafields import PARTNER


class VariantRows:
    """One comparison of all variants; `build` puts what is to be written into `made`."""

    def __init__(
        self,
        source: ProductRecord,
        destination: ProductRecord | None,
        judge: Judge,
        made: Desired,
        *,
        linked: Mapping[str, str],
        files: Mapping[str, str],
        stock: Mapping[str, Sequence[tuple[str, int]]],
        removable: Container[str],
    ) -> None:
        self.source, self.destination, self.judge, self.made = source, destination, judge, made
        self.policy = judge.policy
        self.linked, self.files, self.stock = linked, files, stock
        self.removable = removable

    def build(self) -> None:
        memory = self.judge.written.setdefault("variants", {})
        if self.destination is None:
            self.judge.set_anew(Field.OPTIONS, variants.structure_value(self.source), self.judge.written)
            found = variants.Structure(tuple((variant, None) for variant in self.source.variants), ())
            stays: list[ProductVariantRecord] = []
            is_built = True
        else:
            found = variants.match_variants(self.source, self.destination, self.linked)
            stays = [variant for variant in found.extras if variant.gid not in self.removable]
            self.made.own_variants = tuple(variant.gid for variant in stays)
            is_built = self._settle_structure(self.destination, found, stays)
        alive = {variant.gid for variant in self.source.variants}
        for gid in [gid for gid in memory if gid not in alive]:
            del memory[gid]
        rows = [
            self._variant(variant, partner, memory, is_built) for variant, partner in found.pairs if partner or is_built
        ]
        if is_built:
            self.made.product["productOptions"] = variants.options_input(self.source, self.destination, stays)
            own = variants.own_rows(self.source, self.destination, stays) if self.destination else []
            self.made.product["variants"] = rows + own
        else:
            self.made.variants = [row for row in rows if len(row) > 1]
            self._note_unpaired(found)
        written = found.pairs if is_built else tuple(pair for pair in found.pairs if pair[1])
        variant_metafields.plan(self.source, written, self.judge, self.made)

    def _settle_structure(
        self, destination: ProductRecord, found: variants.Structure, stays: Sequence[ProductVariantRecord]
    ) -> bool:
        """Whether options and variants are to be written as a whole.

        What stays is no difference, and no edit: neither a variant that was always the destination's own, nor one of
        ours that the source has no more.
        """
        kept = {variant.gid for variant in stays}
        ours = _without(destination, kept)
        left = set(self.linked.values()) | {own.get(PARTNER) for own in self.judge.written["variants"].values()}
        unedited = [variants.structure_value(each) for each in (_without(destination, kept - left), destination)]
        wanted, current = variants.structure_value(self.source), variants.structure_value(ours)
        if self.policy.of(Field.OPTIONS) == SYNC and stays:
            self._note_own(stays)
        if wanted != current and self.policy.of(Field.OPTIONS) == SYNC:
            conflict, reason = found.conflict, found.reason
            if not conflict:
                conflict, reason = variants.why_not_beside(self.source, destination, found, stays)
            if conflict:
                self.made.conflicts.append(Conflict(conflict, reason))
                return False
        own = f" and {len(stays)} of its own" if stays else ""
        shown = (variants.describe_structure(self.source) + own, variants.describe_structure(destination))
        if not self.judge.judge(Field.OPTIONS, wanted, current, self.judge.written, shown=shown, unedited=unedited):
            return False
        goes = [variant for variant in found.extras if variant.gid not in kept]
        self.made.removed_variants = {variant.gid: variants.name_of(variant) for variant in goes}
        for name in self.made.removed_variants.values():
            self.made.remove(self.policy, Field.OPTIONS, name)
        for words in variants.unused_values(destination, self.source):
            self.made.remove(self.policy, Field.OPTIONS, words)
        return True

    def _note_own(self, stays: Sequence[ProductVariantRecord]) -> None:
        count = "1 variant is" if len(stays) == 1 else f"{len(stays)} variants are"
        self.made.notes.append(f"{count} the destination's own, and kept: {_listed(stays)}.")

    def _note_unpaired(self, found: variants.Structure) -> None:
        if missing := [variant for variant, partner in found.pairs if partner is None]:
            self.made.notes.append(f"{len(missing)} variants have no partner in the destination: {_listed(missing)}.")

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
        row = fields.variant_input(self._chosen(variant, partner, wanted, own))
        if partner and not is_built:
            return {"id": partner.gid} | row | self._variant_media(variant, partner)
        row = fields.as_set_input(row) | self._variant_file(variant, partner)
        if partner is None and (levels := self.stock.get(variant.gid)):
            row["inventoryQuantities"] = [
                {"locationId": location, "name": "available", "quantity": quantity} for location, quantity in levels
            ]
        row |= {"optionValues": variants.option_values_input(variant)}
        return {"id": partner.gid} | row if partner else row

    def _chosen(
        self,
        variant: ProductVariantRecord,
        partner: ProductVariantRecord | None,
        wanted: dict[Field, Any],
        own: dict[str, Any],
    ) -> dict[Field, Any]:
        """What is written of a variant's values. The compare-at price is judged against the price that will stand."""
        current, subject = fields.current_values(partner) if partner else {}, self._subject(variant)
        chosen: dict[Field, Any] = {}
        for name, value in sorted(wanted.items(), key=lambda pair: pair[0] == Field.COMPARE_AT_PRICE):
            if name == Field.COMPARE_AT_PRICE:
                price = Decimal(chosen.get(Field.PRICE, current.get(Field.PRICE, "0")))
                value = fields.compare_at_value(variant, self.policy, price)
            if partner is None:
                is_set = self.judge.set_anew(name, value, own)
            else:
                is_set = self.judge.judge(name, value, current[name], own, subject=subject)
            if is_set:
                chosen[name] = value
        return chosen

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

    def _image_of(self, variant: ProductVariantRecord) -> MediaRecord | None:
        listed = images.source_images(self.source)
        return next((image for image in listed if image.gid == variant.media_gid), None)


def _without(product: ProductRecord, gids: Container[str]) -> ProductRecord:
    """The product without these variants."""
    return replace(product, variants=tuple(each for each in product.variants if each.gid not in gids))


def _listed(found: Sequence[ProductVariantRecord]) -> str:
    return ", ".join(variant.title for variant in found[:5]) + (" …" if len(found) > 5 else "")
