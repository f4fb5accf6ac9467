"""Pure: attributes and line properties of a copy, where ours never take the place of what the buyer entered."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

THEIRS = " (original)"


def beside(theirs: Iterable[tuple[str, str]], ours: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the original says, then what we say: of equal names ours stays as it is, and theirs gets another one."""
    listed: list[tuple[str, str]] = []
    taken = set(ours)
    for name, value in theirs:
        if name.strip() and value.strip():
            free = free_name(name, taken) if name in ours else name
            taken.add(free)
            listed.append((free, value))
    return [*listed, *ours.items()]


def free_name(name: str, taken: Collection[str]) -> str:
    """A name like this one that nothing has yet."""
    while name in taken:
        name += THEIRS
    return name


def add_attribute(rows: Iterable[Mapping[str, str]], key: str, value: str) -> list[dict[str, str]]:
    """These attributes of an input and one more of ours; what the buyer called so is kept under another name."""
    pairs = [(row["key"], row["value"]) for row in rows]
    return [{"key": name, "value": text} for name, text in beside(pairs, {key: value})]


def filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the entries that say nothing: empty text, lists and objects, and None. False and 0 stay."""
    return {key: value for key, value in fields.items() if value not in ("", None, [], {})}
