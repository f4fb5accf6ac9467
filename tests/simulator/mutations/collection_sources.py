"""Sources of collections as inputs ask for them: checked first, put in place later by a job (shopify.md 8.2)."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.events.catalogue.conditions import change_condition, new_condition
from tests.simulator.reads.shop import number_of
from tests.simulator.state import taxonomy
from tests.simulator.state.catalogue import Collection, Condition, Source
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import NotSimulatedError, user_error

Move = Callable[[], None]


class SourceReader:
    """What is wrong is collected in `errors`; `path` is where the input stands."""

    def __init__(self, shop: Shop, path: list):
        self.shop = shop
        self.path = path
        self.errors: list[dict] = []

    def complain(self, path: list, message: str) -> None:
        self.errors.append(user_error([*self.path, *path], message))

    # New ones

    def read_new(self, given: list[dict], name: str) -> list[Source]:
        return [self._new([name, index], row) for index, row in enumerate(given)]

    def _new(self, path: list, row: dict) -> Source:
        if not row.get("source"):
            raise NotSimulatedError("The simulator makes sources of conditions and selections only")
        given, path = row["source"], [*path, "source"]
        if not given["title"].strip():
            self.complain([*path, "title"], "Title can't be blank")
        source = Source(self.shop.next_id(), given["title"], given.get("description"), given["targetType"])
        inside, outside = given.get("inclusion") or {}, given.get("exclusion") or {}
        source.selected = self._products([*path, "inclusion", "selections"], inside.get("selections"))
        source.conditions = self._conditions([*path, "inclusion", "conditions"], inside.get("conditions"), True)
        source.match_type = inside.get("matchType")
        source.excluded = self._products([*path, "exclusion", "selections"], outside.get("selections"))
        source.excluding = self._conditions([*path, "exclusion", "conditions"], outside.get("conditions"), False)
        source.excluding_match_type = outside.get("matchType")
        return source

    def _products(self, path: list, rows: list[dict] | None) -> list[int]:
        found = []
        for index, row in enumerate(rows or []):
            number = number_of(row["productId"], "Product")
            if row.get("variantIds"):
                raise NotSimulatedError("The simulator selects whole products")
            if number not in self.shop.products:
                self.complain([*path, index, "productId"], "Product does not exist")
            found.append(number)
        return list(dict.fromkeys(found))

    def _conditions(self, path: list, rows: list[dict] | None, including: bool) -> list[Condition]:
        found = []
        for index, row in enumerate(rows or []):
            try:
                condition = new_condition(self.shop, row, including=including)
            except ValueError as problem:
                self.complain([*path, index], str(problem))
                continue
            wrong = self._wrong(condition)
            if wrong:
                self.complain([*path, index, condition.name], wrong)
            found.append(condition)
        return found

    def _wrong(self, condition: Condition) -> str | None:
        given = condition.given
        if "values" in given and not given["values"]:
            return "Values can't be blank"
        if condition.name == "productCategory" and not all(
            taxonomy.is_known(value["categoryId"]) for value in given["values"]
        ):
            return "Product taxonomy node does not exist"
        if condition.name == "collection":
            numbers = [number_of(text, "Collection") for text in given["values"]]
            return None if all(one in self.shop.catalog.collections for one in numbers) else "Collection does not exist"
        value = given.get("value")
        if isinstance(value, dict) and value.get("currencyCode", self.shop.currency) != self.shop.currency:
            return "The currency must be the shop's currency"
        return None

    # Changes

    def read_changes(self, collection: Collection, given: dict) -> list[Move]:
        """What to do later, in order."""
        made = self.read_new(given.get("sourcesToCreate") or [], "sourcesToCreate")
        moves: list[Move] = [lambda: collection.sources.extend(made)] if made else []
        for index, row in enumerate(given.get("sourcesToUpdate") or []):
            if not row.get("condition"):
                raise NotSimulatedError("The simulator updates sources of conditions and selections only")
            moves += self._changes(collection, ["sourcesToUpdate", index, "condition"], row["condition"])
        for index, text in enumerate(given.get("sourcesToDelete") or []):
            source = self._source(collection, ["sourcesToDelete", index], text)
            if source is not None:
                moves.append(lambda source=source: collection.sources.remove(source))
        return moves

    def _source(self, collection: Collection, path: list, text: str) -> Source | None:
        number = number_of(text, "CollectionConditionsSource")
        source = next((one for one in collection.sources if one.id == number), None)
        if source is None:
            self.complain(path, "Source does not exist")
        return source

    def _changes(self, collection: Collection, path: list, given: dict) -> list[Move]:
        source = self._source(collection, [*path, "id"], given["id"])
        if source is None:
            return []
        moves: list[Move] = []
        for name in ("title", "description"):
            if given.get(name) is not None:
                moves.append(lambda name=name: setattr(source, name, given[name]))
        for side, picked, conditions, match in (
            ("inclusion", "selected", "conditions", "match_type"),
            ("exclusion", "excluded", "excluding", "excluding_match_type"),
        ):
            if given.get(side):
                moves += self._side(source, [*path, side], given[side], (picked, conditions, match))
        return moves

    def _side(self, source: Source, path: list, given: dict, names: tuple[str, str, str]) -> list[Move]:
        picked, conditions, match = names
        added = self._products([*path, "selectionsToAdd"], given.get("selectionsToAdd"))
        removed = [number_of(row["productId"], "Product") for row in given.get("selectionsToRemove") or []]

        def pick() -> None:
            present = [one for one in getattr(source, picked) if one not in removed]
            setattr(source, picked, list(dict.fromkeys([*present, *added])))

        moves: list[Move] = [pick] if added or removed else []
        if given.get("matchType"):
            moves.append(lambda: setattr(source, match, given["matchType"]))
        return moves + self._condition_moves(source, path, given, conditions)

    def _condition_moves(self, source: Source, path: list, given: dict, name: str) -> list[Move]:
        rows: list[Condition] = getattr(source, name)
        including = name == "conditions"
        made = self._conditions([*path, "conditionsToCreate"], given.get("conditionsToCreate"), including)
        moves: list[Move] = [lambda: rows.extend(made)] if made else []
        for index, row in enumerate(given.get("conditionsToUpdate") or []):
            condition = self._condition(rows, [*path, "conditionsToUpdate", index], row["id"])
            if condition is not None and condition.name not in row["condition"]:
                self.complain([*path, "conditionsToUpdate", index], "The condition is of another type")
            elif condition is not None:
                moves.append(lambda one=condition, new=row["condition"]: change_condition(one, new))
        for index, text in enumerate(given.get("conditionsToDelete") or []):
            condition = self._condition(rows, [*path, "conditionsToDelete", index], text)
            if condition is not None:
                moves.append(lambda one=condition: rows.remove(one))
        return moves

    def _condition(self, rows: list[Condition], path: list, text: str) -> Condition | None:
        number = text.rsplit("/", 1)[-1]
        condition = next((one for one in rows if str(one.id) == number), None)
        if condition is None:
            self.complain(path, "Condition does not exist")
        return condition
