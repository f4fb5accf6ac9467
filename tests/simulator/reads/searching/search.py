"""Shopify's search syntax over objects: blanks mean AND, OR, NOT and -, quotes, ranges, prefix* (row 13).

An unknown key is IGNORED and reported in `extensions.search`, so that everything comes back: the trap is the point.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.simulator.wire.problems import FieldError, NotSimulatedError

TOKEN = re.compile(
    r"""\s*(?: (?P<open>\() | (?P<close>\)) | (?P<term>-?(?:[\w.]+:)?(?:[<>]=?|:)?
        (?:"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [^\s()]+)) )""",
    re.VERBOSE,
)
TERM = re.compile(r"(?P<not>-?)(?:(?P<key>[A-Za-z_][\w.]*):)?(?P<sign>[<>]=?)?(?P<value>.*)\Z", re.DOTALL)

# A timestamp without quotes around it.
CUT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:")

Predicate = Callable[[object], bool]
Values = Callable[[object], object]  # what an object holds under a key: text, number, list of them, or None


@dataclass(slots=True)
class Search:
    """A compiled query; `warnings` is what `extensions.search` reports."""

    matches: Predicate
    warnings: list[dict]


class _Reader:
    def __init__(self, text: str, keys: dict[str, Values], default: Values, other_keys: frozenset[str]):
        self.tokens = [match for match in TOKEN.finditer(text) if match.group().strip()]
        self.position = 0
        self.keys = keys
        self.default = default
        self.other_keys = other_keys
        self.warnings: list[dict] = []

    def peek(self) -> str | None:
        return self.tokens[self.position].group().strip() if self.position < len(self.tokens) else None

    def take(self) -> str:
        self.position += 1
        return self.tokens[self.position - 1].group().strip()

    def either(self) -> Predicate:
        choices = [self.every()]
        while self.peek() == "OR":
            self.take()
            choices.append(self.every())
        return choices[0] if len(choices) == 1 else lambda thing: any(choice(thing) for choice in choices)

    def every(self) -> Predicate:
        parts: list[Predicate] = []
        while self.peek() not in (None, "OR", ")"):
            if self.peek() == "AND":
                self.take()
                continue
            part = self.one()
            if part is not None:
                parts.append(part)
        return lambda thing: all(part(thing) for part in parts)

    def one(self) -> Predicate | None:
        token = self.take()
        if token == "NOT":
            inner = self.one() if self.peek() is not None else None
            return None if inner is None else lambda thing: not inner(thing)
        if token == "(":
            inner = self.either()
            if self.peek() == ")":
                self.take()
            return inner
        return self.term(token)

    def term(self, token: str) -> Predicate | None:
        match = TERM.match(token)
        key, sign, value = match["key"], match["sign"] or "", _unquoted(match["value"])
        if key and key.startswith("metafields."):
            # Since 2026-10 an error in place of silence (shopify.md 7.3).
            raise FieldError(f"The metafield filter '{key}' is not set up for filtering.", "INVALID_FIELD_ARGUMENTS")
        if key in self.other_keys:
            raise NotSimulatedError(f"The simulator does not implement the search key {key}")
        if key and key not in self.keys:
            self.warnings.append({"field": key, "message": "Invalid search field for this query."})
            return None
        if key and CUT.match(match["value"]):
            # Row 61: what follows the colon is another term, and a date cut short is none: everything comes back.
            self.warnings.append({"field": key, "message": "Input is not a valid date or time."})
            return None
        values = self.keys[key] if key else self.default
        test = _test(sign, value, exact=bool(key) and key != "default")
        found = lambda thing: _holds(values(thing), test)  # noqa: E731 - two forms of one predicate
        return (lambda thing: not found(thing)) if match["not"] else found


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _holds(held: object, test: Callable[[object], bool]) -> bool:
    if isinstance(held, list | tuple):
        return any(test(one) for one in held)
    return held is not None and test(held)


def _test(sign: str, value: str, *, exact: bool) -> Callable[[object], bool]:
    if sign:
        return _range_test(sign, value)
    if value == "*":
        return lambda held: held not in (None, "")
    folded = value.casefold()
    if folded.endswith("*"):
        start = folded[:-1]
        return lambda held: any(word.startswith(start) for word in [str(held).casefold(), *_words(held)])
    if exact:
        return lambda held: _text(held) == folded
    return lambda held: folded in _words(held) or folded in str(held).casefold()


def _range_test(sign: str, value: str) -> Callable[[object], bool]:
    edge = _comparable(value)
    compare = {
        "<": lambda held: held < edge,
        "<=": lambda held: held <= edge,
        ">": lambda held: held > edge,
        ">=": lambda held: held >= edge,
    }[sign]

    def test(held):
        try:
            return compare(held)
        except TypeError:
            return False

    return test


def _text(held: object) -> str:
    if isinstance(held, bool):
        return "true" if held else "false"
    return str(held).casefold()


def _words(held: object) -> list[str]:
    return re.findall(r"\w+", str(held).casefold())


def _comparable(value: str) -> float | str:
    """Numbers as numbers, instants as seconds since 1970."""
    try:
        return int(value)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def compile_search(
    text: str | None, keys: dict[str, Values], default: Values, other_keys: frozenset[str] = frozenset()
) -> Search | None:
    """None for no query. Keys map to what an object holds: instants as seconds since 1970. Raises FieldError.

    `other_keys` exist at Shopify and not here: NotSimulatedError, because ignoring them would invent an answer.
    """
    if not text or not text.strip():
        return None
    reader = _Reader(text, keys, default, other_keys)
    predicates = []
    while reader.peek() is not None:
        predicates.append(reader.either())
        if reader.peek() == ")":
            reader.take()
    return Search(lambda thing: all(predicate(thing) for predicate in predicates), reader.warnings)
