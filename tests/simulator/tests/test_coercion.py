"""What a variable becomes before a resolver sees it, also where requests come at once."""

import threading

from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLString

from tests.simulator.documents import coercion
from tests.simulator.documents.coercion import default_of


def test_two_requests_that_come_at_once_read_all_the_fields_of_an_input(monkeypatch):
    """What is known of an input type is found out with its first use, which may be in two threads."""
    has_begun, go_on = threading.Event(), threading.Event()

    def default_of_slowly(field):
        if has_begun.is_set():
            go_on.wait(5)
        has_begun.set()
        return default_of(field)

    monkeypatch.setattr(coercion, "default_of", default_of_slowly)
    kind = GraphQLInputObjectType("Pair", {name: GraphQLInputField(GraphQLString) for name in "ab"})
    coerce, read = coercion.coercer(kind), []
    first = threading.Thread(target=lambda: read.append(coerce({"a": "1", "b": "2"}, (), [])))
    second = threading.Thread(target=lambda: read.append(coerce({"a": "1", "b": "2"}, (), [])))
    first.start()
    has_begun.wait(5)
    second.start()
    second.join(0.2)
    go_on.set()
    first.join(5)
    second.join(5)
    assert read == [{"a": "1", "b": "2"}] * 2
