"""The files of productSet: {id} uses a file again, {originalSource} always makes a new one (shopify.md 8.1, row 31)."""

from __future__ import annotations

from tests.simulator.events.catalogue.files import (
    CONTENT_TYPES,
    MAX_ALT,
    complaint_about,
    find_file,
    new_file,
    status_of,
    take_from_product,
)
from tests.simulator.events.touch import touch
from tests.simulator.state.catalogue import File, GenericFile
from tests.simulator.state.shop import Product, Shop
from tests.simulator.wire.problems import user_error


class FilesReader:
    """Checks `files` and each variant's `file`, then puts them in place."""

    def __init__(self, sim, shop: Shop, product: Product | None, given: dict):
        self.sim = sim
        self.shop = shop
        self.product = product
        self.given: list[dict] | None = given.get("files")
        self.variants: list[dict] = given.get("variants") or []
        self.made: dict[str, File] = {}  # originalSource -> the new file

    def check(self) -> list[dict]:
        errors, seen = [], set()
        for index, row in enumerate(self.given or []):
            wrong = self._complaint(row)
            if row.get("id") in seen:
                wrong = wrong or ("id", "File is there twice", "")
            seen.add(row.get("id") or object())
            if wrong:
                errors.append(user_error(["input", "files", index, wrong[0]], wrong[1], "INVALID_INPUT"))
        for index, row in enumerate(self.variants):
            if row.get("file") and not self._is_among_files(row["file"]):
                message = "The variant's file must also be in the product's files"
                errors.append(user_error(["input", "variants", index, "file"], message, "INVALID_INPUT"))
        return errors

    def _complaint(self, row: dict) -> tuple[str, str, str] | None:
        if bool(row.get("id")) == bool(row.get("originalSource")):
            return "id", "Either id or originalSource must be given", ""
        if row.get("originalSource"):
            return complaint_about(row, self.shop)
        file = find_file(self.shop, row["id"])
        if file is None or isinstance(file, GenericFile):
            return "id", f"File id {row['id']} does not exist or is no media", ""
        if status_of(self.shop, file, self.sim.clock.seconds()) == "FAILED":
            return "id", "File is in a failed state", ""
        if CONTENT_TYPES[type(file)] in (self.shop.knobs.refused_media or "").split(","):
            return "id", "The file is not supported on trial accounts.", ""
        too_long = len(row.get("alt") or "") > MAX_ALT
        return ("alt", f"The alt value exceeds the maximum limit of {MAX_ALT} characters.", "") if too_long else None

    def _is_among_files(self, row: dict) -> bool:
        if self.given is not None:
            name = "id" if row.get("id") else "originalSource"
            return row.get(name) in [given.get(name) for given in self.given]
        file = find_file(self.shop, row["id"]) if row.get("id") else None
        return bool(file and self.product and file.id in self.product.file_ids)

    def apply(self, product: Product, at: float) -> None:
        """The product's media become the list, in its order; what is not in it is taken away."""
        if self.given is None:
            return
        kept = [self._file(row, at) for row in self.given]
        numbers = [file.id for file in kept]
        take_from_product(self.shop, product, [one for one in product.file_ids if one not in numbers])
        product.file_ids = numbers
        if self.made and self.shop.knobs.media_seconds:
            self.sim.later.schedule(self.shop, lambda: self._tell(product.id), self.shop.knobs.media_seconds)

    def _tell(self, product_id: int) -> None:
        """Images that have become ready move the product's updatedAt once more."""
        product = self.shop.products.get(product_id)
        if product is not None:
            touch(self.shop, self.sim.clock.whole_seconds(), product)

    def _file(self, row: dict, at: float) -> File:
        if row.get("originalSource"):
            file = new_file(self.sim, self.shop, row, at)
            self.made[row["originalSource"]] = file
            return file
        file = find_file(self.shop, row["id"])
        if row.get("alt") is not None and row["alt"] != file.alt:
            file.alt, file.updated_at = row["alt"], int(at)
        return file

    def of_variant(self, row: dict | None) -> int | None:
        if not row:
            return None
        return find_file(self.shop, row["id"]).id if row.get("id") else self.made[row["originalSource"]].id
