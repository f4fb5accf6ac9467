"""tagsAdd and tagsRemove: of products, articles, orders, drafts and customers."""

from __future__ import annotations

from tests.simulator.documents.call import Call
from tests.simulator.events.touch import touch
from tests.simulator.mutations.orders.input import Findings, read_tags
from tests.simulator.reads.shop import find_node
from tests.simulator.state.catalogue import Article
from tests.simulator.state.orders import Customer, Draft, Order
from tests.simulator.state.shop import Product
from tests.simulator.state.tags import MOST_TAGS, tidy_tags
from tests.simulator.wire.problems import NotSimulatedError, user_error


def change_tags(*, add: bool):
    """Tags that are there already, or were never, move nothing."""

    def resolve(root, call: Call, arguments: dict) -> dict:
        thing = find_node(call, arguments["id"])
        if thing is None:
            return {"node": None, "userErrors": [user_error(["id"], "Resource does not exist")]}
        if not isinstance(thing, Product | Article | Order | Draft | Customer):
            raise NotSimulatedError(f"The simulator does not tag a {type(thing).__name__}")
        given = tidy_tags(arguments["tags"])
        gone = {tag.casefold() for tag in given}
        tags = tidy_tags([*thing.tags, *given]) if add else [tag for tag in thing.tags if tag.casefold() not in gone]
        errors = _complaints(thing, tags)
        if errors:
            return {"node": None, "userErrors": errors}
        if tags != thing.tags:
            thing.tags = tags
            touch(call.shop, call.now, thing)
        return {"node": thing, "userErrors": []}

    return resolve


def _complaints(thing: object, tags: list[str]) -> list[dict]:
    if isinstance(thing, Product | Article):
        return [user_error(["tags"], f"Tags can't be more than {MOST_TAGS}")] if len(tags) > MOST_TAGS else []
    found = Findings()
    read_tags(tags, found, ["tags"])
    return [user_error(error["field"], error["message"]) for error in found.errors]


RESOLVERS = {"Mutation.tagsAdd": change_tags(add=True), "Mutation.tagsRemove": change_tags(add=False)}
