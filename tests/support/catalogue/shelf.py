"""A destination small enough for thousands of tries: what Shopify does with the mutations that `Desired` stands for.

At least as strict as Shopify where it matters: lists replace, a variant's file must be among the product's, options and
variants come together, and nothing unknown is taken (shopify.md 8.1).
"""

from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

from stores.shopify.metafields.records import MetafieldRecord
from stores.shopify.products.product_records import MediaRecord, OptionRecord, ProductRecord, ProductVariantRecord
from syncing.catalogue.rules.desired import Desired


class Shelf:
    """One store's place for one product. `files` is what the engine remembers: source address -> file gid."""

    def __init__(self) -> None:
        self._numbers = count(9000)
        self.files: dict[str, str] = {}
        self.media: dict[str, MediaRecord] = {}

    def gid(self, kind: str) -> str:
        return f"gid://shopify/{kind}/{next(self._numbers)}"

    def apply(self, product: ProductRecord | None, desired: Desired) -> ProductRecord:
        """The product after everything in `desired` was sent."""
        made = product or ProductRecord(self.gid("Product"), "", "", vendor="My shop")
        self.media |= {media.gid: media for media in made.media}
        if desired.product:
            made = self._set(made, dict(desired.product), desired.file_urls)
        assert made.variants, "a product without variants"
        variants = {variant.gid: variant for variant in made.variants}
        for row in desired.variants:
            row = dict(row)
            variant = self._fill(variants[row.pop("id")], row, made)
            variants[variant.gid] = variant
        rows = {(row.namespace, row.key): row for row in made.metafields}
        rows |= {(row["namespace"], row["key"]): MetafieldRecord(**row) for row in desired.metafields}
        for row in desired.metafields_gone:
            del rows[row["namespace"], row["key"]]
        for owner in [row["ownerId"] for row in desired.variant_metafields + desired.variant_metafields_gone]:
            variants[owner] = self._put_on_variant(variants[owner], desired)
        made = self._put_on_channels(made, desired)
        return replace(made, variants=tuple(variants.values()), metafields=tuple(rows.values()))

    @staticmethod
    def _put_on_variant(variant: ProductVariantRecord, desired: Desired) -> ProductVariantRecord:
        fields = {(row.namespace, row.key): row for row in variant.metafields}
        for row in desired.variant_metafields:
            if row["ownerId"] == variant.gid:
                record = MetafieldRecord(*(row[name] for name in ("namespace", "key", "type", "value")))
                fields[record.namespace, record.key] = record
        for row in desired.variant_metafields_gone:
            if row["ownerId"] == variant.gid:
                fields.pop((row["namespace"], row["key"]), None)
        return replace(variant, metafields=tuple(fields.values()))

    def _put_on_channels(self, made: ProductRecord, desired: Desired) -> ProductRecord:
        """Off some, on others, and on others again from an instant on: which hides it there until then."""
        planned = {gid: at for gid, at in made.scheduled if gid not in (*desired.unpublish, *desired.publish)}
        now = [gid for gid in made.publication_gids if gid not in desired.unpublish]
        now = [gid for gid in dict.fromkeys((*now, *desired.publish)) if gid not in desired.schedule]
        return replace(made, publication_gids=tuple(now), scheduled=tuple((planned | desired.schedule).items()))

    def _set(self, made: ProductRecord, sent: dict[str, Any], urls: tuple[str, ...]) -> ProductRecord:
        simple = {
            "title": "title",
            "handle": "handle",
            "descriptionHtml": "description_html",
            "status": "status",
            "vendor": "vendor",
            "productType": "product_type",
        }
        changes = {ours: sent.pop(theirs) for theirs, ours in simple.items() if theirs in sent}
        is_moved = sent.pop("redirectNewHandle", False)
        assert is_moved == ("handle" in changes and bool(made.handle)), "what exists leaves a redirect at its address"
        assert changes.get("vendor", "x"), "Shopify would put the shop's name"
        if "category" in sent:
            changes["category_gid"] = sent.pop("category") or ""
        if "seo" in sent:
            seo = sent.pop("seo")
            changes |= {"seo_title": seo["title"], "seo_description": seo["description"]}
        if "tags" in sent:
            tags = sent.pop("tags")
            assert len(tags) <= 250
            changes["tags"] = tuple(sorted({tag.casefold(): tag for tag in tags}.values()))
        if "metafields" in sent:
            changes["metafields"] = tuple(MetafieldRecord(**row) for row in sent.pop("metafields"))
        if "files" in sent:
            changes["media"] = self._take_files(sent.pop("files"), urls)
        made = replace(made, **changes)
        assert ("productOptions" in sent) == ("variants" in sent), "options and variants come together"
        if "variants" in sent:
            made = self._build(made, sent.pop("productOptions"), sent.pop("variants"), "media" in changes)
        assert not sent, f"unknown input {sent}"
        return made

    def _take_files(self, rows: list[dict], urls: tuple[str, ...]) -> tuple[MediaRecord, ...]:
        assert len(rows) == len(urls)
        listed = []
        for row, url in zip(rows, urls, strict=True):
            if "id" in row:
                media = self.media[row["id"]]
                media = replace(media, alt=row.get("alt", media.alt))
            else:
                assert row["originalSource"] == url and url not in self.files, "the same address twice makes a copy"
                media = MediaRecord(self.gid("MediaImage"), "IMAGE", row["alt"], "READY", "https://cdn/own")
                self.files[url] = media.gid
            self.media[media.gid] = media
            listed.append(media)
        assert len({media.gid for media in listed}) == len(listed)
        return tuple(listed)

    def _build(self, made: ProductRecord, options: list[dict], rows: list[dict], has_files: bool) -> ProductRecord:
        assert 1 <= len(options) <= 3 and 1 <= len(rows) <= 2048
        known = {option.gid for option in made.options}
        assert all(row["id"] in known for row in options if "id" in row)
        built = tuple(
            OptionRecord(
                row.get("id") or self.gid("ProductOption"), row["name"], tuple(v["name"] for v in row["values"])
            )
            for row in sorted(options, key=lambda row: row["position"])
        )
        present = {variant.gid: variant for variant in made.variants}
        variants = []
        for position, row in enumerate(rows, start=1):
            row = dict(row)
            values = tuple((value["optionName"], value["name"]) for value in row.pop("optionValues"))
            assert [name for name, _ in values] == [option.name for option in built]
            assert all(value in option.values for (_, value), option in zip(values, built, strict=True))
            if "id" in row:
                variant = present.pop(row.pop("id"))
            else:
                variant = ProductVariantRecord(self.gid("ProductVariant"), self.gid("InventoryItem"), (), 0)
            assert "file" not in row or has_files, "a variant's file must be among the product's files"
            variants.append(self._fill(replace(variant, options=values, position=position), row, made))
        assert len({variant.values for variant in variants}) == len(variants), "a variant twice"
        return replace(made, options=built, variants=tuple(variants))

    def _fill(self, variant: ProductVariantRecord, row: dict, made: ProductRecord) -> ProductVariantRecord:
        item = dict(row.pop("inventoryItem", {}))
        changes: dict[str, Any] = {}
        for sent, ours in {
            "sku": "sku",
            "barcode": "barcode",
            "taxable": "taxable",
            "inventoryPolicy": "inventory_policy",
        }.items():
            if sent in row:
                changes[ours] = row.pop(sent)
        if "sku" in item:
            changes["sku"] = item.pop("sku")
        if "price" in row:
            changes["price"] = Decimal(row.pop("price"))
        if "compareAtPrice" in row:
            compared = row.pop("compareAtPrice")
            changes["compare_at_price"] = None if compared is None else Decimal(compared)
        if "cost" in item:
            changes["cost"] = Decimal(item.pop("cost"))
        if "tracked" in item:
            changes["tracked"] = item.pop("tracked")
        if "measurement" in item:
            weight = item.pop("measurement")["weight"]
            changes |= {"weight": Decimal(str(weight["value"])), "weight_unit": weight["unit"]}
            changes["requires_shipping"] = item.pop("requiresShipping")
            changes["country_of_origin"] = item.pop("countryCodeOfOrigin") or ""
            changes["harmonized_system_code"] = item.pop("harmonizedSystemCode") or ""
        gids = {media.gid for media in made.media}
        if "mediaId" in row:
            changes["media_gid"] = row.pop("mediaId")
        if "file" in row:
            file = row.pop("file")
            changes["media_gid"] = file.get("id") or self.files[file["originalSource"]]
        assert changes.get("media_gid", "") in gids | {""}
        row.pop("inventoryQuantities", None)
        assert not row and not item, f"unknown input {row} {item}"
        return replace(variant, **changes)
