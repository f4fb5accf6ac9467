"""Documents: parsed and validated once per text, complaints put into Shopify's words (shopify.md 1.4)."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

from tests.simulator.wire.problems import RequestError, error

REMEMBERED_DOCUMENTS = 500

# graphql-core's message -> (Shopify's code, Shopify's message)
TRANSLATIONS = [
    (r"Cannot query field '(\w+)' on type '(\w+)'\.", "undefinedField", r"Field '\1' doesn't exist on type '\2'"),
    (
        r"Unknown argument '(\w+)' on field '\w+\.(\w+)'\.",
        "argumentNotAccepted",
        r"Field '\2' doesn't accept argument '\1'",
    ),
    (
        r"Argument '\w+\.(\w+)\((\w+):\)' of type '.*' is required, but it was not provided\.",
        "missingRequiredArguments",
        r"Field '\1' is missing required arguments: \2",
    ),
    (
        r"Argument '@(\w+)\((\w+):\)' of type '.*' is required, but it was not provided\.",
        "missingRequiredArguments",
        r"Directive '\1' is missing required arguments: \2",
    ),
    (r"Unknown directive '@(\w+)'\.", "undefinedDirective", r"Directive @\1 is not defined"),
    (
        r"Directive '@(\w+)' may not be used on mutation\.",
        "directiveCannotBeApplied",
        r"'@\1' can't be applied to mutations (allowed: fields)",
    ),
    (
        r"Directive '@(\w+)' may not be used on query\.",
        "directiveCannotBeApplied",
        r"'@\1' can't be applied to queries (allowed: fields)",
    ),
    (
        r"Variable '\$(\w+)' is never used(?: in operation '(\w+)')?\.",
        "variableNotUsed",
        r"Variable $\1 is declared by \2 but not used",
    ),
    (
        r"Variable '\$(\w+)' is not defined(?: by operation '(\w+)')?\.",
        "variableNotDefined",
        r"Variable $\1 is used by \2 but not declared",
    ),
    (
        r"Variable '\$(\w+)' of type '(.+)' used in position expecting type '(.+)'\.",
        "variableMismatch",
        r"Type mismatch on variable $\1 and argument (\2 / \3)",
    ),
    (
        r"Field '(\w+)' of type '(.+)' must have a selection of subfields\..*",
        "selectionMismatch",
        r"Field must have selections (field '\1' returns \2 but has no selections. Did you mean '\1 { ... }'?)",
    ),
    (
        r"Field '(\w+)' must not have a selection since type '(.+)' has no subfields\.",
        "selectionMismatch",
        r"Selections can't be made on scalars (field '\1' returns \2 but has selections)",
    ),
    (r"Unknown type '(\w+)'\..*", "undefinedType", r"\1 isn't a defined type"),
    (r"Unknown fragment '(\w+)'\.", "undefinedFragment", r"Fragment \1 was used, but not defined"),
    (r"Fragment '(\w+)' is never used\.", "useAndDefineFragment", r"Fragment \1 was defined, but not used"),
    (
        r"Expected value of type '(\w+)' not to include unknown field '(\w+)', found.*",
        "argumentNotAccepted",
        r"InputObject '\1' doesn't accept argument '\2'",
    ),
    (
        r"Expected value of type '(\w+)' to include required field '(\w+)', found.*",
        "missingRequiredInputObjectAttribute",
        r"Argument '\2' on InputObject '\1' is required",
    ),
    (r"(Expected value of .*)", "argumentLiteralsIncompatible", r"\1"),
    (r"(Value .* does not exist in '.*' enum\.).*", "argumentLiteralsIncompatible", r"\1"),
    (r"(Enum '.*' cannot represent .*)", "argumentLiteralsIncompatible", r"\1"),
    (r"(\w+ cannot represent .*)", "argumentLiteralsIncompatible", r"\1"),
]
COMPILED = [(re.compile(pattern, re.DOTALL), code, text) for pattern, code, text in TRANSLATIONS]


@dataclass(slots=True)
class Document:
    """A valid document; `plans` is filled by plan.py, one entry per operation and set of @skip/@include answers."""

    text: str
    node: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    plans: dict = field(default_factory=dict)

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to run. Raises RequestError when the name does not say which."""
        if not name and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if not name:
            raise RequestError([error("An operation name is required", "missingOperationName")])
        if name not in self.operations:
            raise RequestError([error(f'No operation named "{name}"', "undefinedOperation")])
        return self.operations[name]


class Library:
    """Remembers documents by their text: parsing and validating costs more than running."""

    def __init__(self, schema: GraphQLSchema):
        self.schema = schema
        self._known: OrderedDict[str, Document | RequestError] = OrderedDict()
        self._lock = threading.Lock()

    def document(self, text: str) -> Document:
        """Raises RequestError for a document that Shopify would refuse."""
        with self._lock:
            known = self._known.get(text)
            if known is not None:
                self._known.move_to_end(text)
        if known is None:
            known = self._read(text)
            with self._lock:
                self._known[text] = known
                if len(self._known) > REMEMBERED_DOCUMENTS:
                    self._known.popitem(last=False)
        if isinstance(known, RequestError):
            raise RequestError(known.errors)
        return known

    def _read(self, text: str) -> Document | RequestError:
        try:
            node = parse(text, max_tokens=50_000)
        except GraphQLSyntaxError as problem:
            place = problem.locations[0]
            message = (
                f"syntax error, {problem.message.removeprefix('Syntax Error: ')} at [{place.line}, {place.column}]"
            )
            return RequestError([error(message, locations=problem.locations)])
        problems = validate(self.schema, node)
        if problems:
            return RequestError([translate(problem) for problem in problems])
        operations = [part for part in node.definitions if isinstance(part, OperationDefinitionNode)]
        if not operations:
            return RequestError([error("No operation", "missingOperation")])
        fragments = [part for part in node.definitions if isinstance(part, FragmentDefinitionNode)]
        return Document(
            text,
            node,
            {part.name.value if part.name else "": part for part in operations},
            {part.name.value: part for part in fragments},
        )


def translate(problem: GraphQLError) -> dict:
    """One static error in Shopify's shape; the pattern that fits names the code."""
    first_sentences = re.sub(r" Did you mean .*", "", problem.message, flags=re.DOTALL)
    for pattern, code, text in COMPILED:
        match = pattern.match(first_sentences)
        if match:
            return error(match.expand(text), code, path=_path_of(problem), locations=problem.locations)
    return error(problem.message, "invalidDocument", path=_path_of(problem), locations=problem.locations)


def _path_of(problem: GraphQLError) -> list[str]:
    """The operation's kind and name, as Shopify begins the path of a static error."""
    node = (problem.nodes or [None])[0]
    if isinstance(node, OperationDefinitionNode):
        return [f"{node.operation.value} {node.name.value}" if node.name else node.operation.value]
    name = getattr(getattr(node, "name", None), "value", None)
    return [name] if name else []
