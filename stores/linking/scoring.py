"""Suggestions, pure: how well a destination variant would fit a source variant that has no partner, and why.

A score is no probability. From SURE_SCORE on nothing that is known speaks against the pair, and an identifier or the
same product and option speaks for it; below, a person has to look. Nothing is ever linked by a score alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from stores.identifiers import normalize_text
from stores.linking.matching import WORDS

SURE_SCORE = 90  # what may be accepted many at a time
LEAST_SCORE = 30  # below it a suggestion is noise: the score of an equal title with another SKU
_LEAST_EVIDENCE_SCORE = 40  # what the best of the evidence must be worth, whatever speaks against it
MOST_SUGGESTIONS = 10
BEST_TITLE_SCORE = 70  # the score of an equal title and nothing else
_FIRST_OF_MANY_SCORE, _ONE_OF_MANY_SCORE = 85, 80  # where several fit about equally well
_CLOSE_POINTS = 5
_DIFFERENT_OPTION_POINTS = 20
_DIFFERENT_IDENTIFIER_POINTS = 40  # whatever speaks for a pair: none is sure whose SKU or barcode says otherwise
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A living variant of either side. Identifiers come normalised, '' for none, and for what identifies nothing.

    `loose_…` are the same without punctuation and leading zeros. `options` are the values alone, none for a product
    without options.
    """

    id: int
    title: str
    options: tuple[str, ...] = ()
    handle: str = ""
    sku: str = ""
    barcode: str = ""
    loose_sku: str = ""
    loose_barcode: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A possible partner, its score (0 to 100) and the reason in words for operators."""

    id: int
    score: int
    reason: str


def rank(source: Candidate, candidates: Iterable[Candidate]) -> list[Suggestion]:
    """The candidates worth a look, the best first. Where several fit about equally well, none is sure."""
    found = [weigh(source, item) for item in {item.id: item for item in candidates}.values()]
    found = sorted((one for one in found if one.score >= LEAST_SCORE), key=lambda one: (-one.score, one.id))
    close = [one for one in found if found[0].score - one.score <= _CLOSE_POINTS]
    if len(close) > 1:
        found = _doubt(close) + found[len(close) :]
        found.sort(key=lambda one: (-one.score, one.id))
    return found[:MOST_SUGGESTIONS]


def _doubt(close: Sequence[Suggestion]) -> list[Suggestion]:
    """The best ones where several fit about equally well: none of them is sure, a clear first keeps its place."""
    others = "another one fits" if len(close) == 2 else f"{len(close) - 1} others fit"
    doubted = []
    for one in close:
        is_first = one.score == close[0].score and close[1].score < close[0].score
        almost = "almost " if is_first else ""
        most = _FIRST_OF_MANY_SCORE if is_first else _ONE_OF_MANY_SCORE
        doubted.append(replace(one, score=min(most, one.score), reason=f"{one.reason}; {others} {almost}as well"))
    return doubted


def weigh(source: Candidate, item: Candidate) -> Suggestion:
    """What speaks for one pair and what against it."""
    likeness = title_likeness(source.title, item.title)
    are_options_equal = source.options == item.options or _values(source.options) == _values(item.options)
    evidence = _identifiers(source, item)
    if source.handle and source.handle == item.handle:
        evidence.append((90, "same product handle and option" if are_options_equal else "same product handle"))
    if likeness >= 0.5:
        evidence.append((round(BEST_TITLE_SCORE * likeness), "same title" if likeness == 1 else "similar title"))
    evidence.sort(key=lambda row: -row[0])
    if not evidence or evidence[0][0] < _LEAST_EVIDENCE_SCORE:
        return Suggestion(item.id, 0, "")
    score = min(99, evidence[0][0] + 2 * (len(evidence) - 1) + (likeness == 1 and len(evidence) > 1))
    words = [reason for _, reason in evidence]
    if not are_options_equal:
        score -= _DIFFERENT_OPTION_POINTS
        words.append("but another option")
    for name in ("sku", "barcode"):
        mine, theirs = getattr(source, f"loose_{name}"), getattr(item, f"loose_{name}")
        if mine and theirs and mine != theirs:
            score -= _DIFFERENT_IDENTIFIER_POINTS
            words.append(f"but another {WORDS[name]}")
    reason = ", ".join(words)
    return Suggestion(item.id, max(score, 0), reason[0].upper() + reason[1:])


def _identifiers(source: Candidate, item: Candidate) -> list[tuple[int, str]]:
    found = []
    loosely = "apart from punctuation and leading zeros"
    if source.barcode and source.barcode == item.barcode:
        found.append((96, "same barcode"))
    elif source.loose_barcode and source.loose_barcode == item.loose_barcode:
        found.append((93, f"same barcode {loosely}"))
    if source.sku and source.sku == item.sku:
        found.append((95, "same SKU"))
    elif source.loose_sku and source.loose_sku == item.loose_sku:
        found.append((92, f"same SKU {loosely}"))
    crossed = ((source.loose_sku, item.loose_barcode), (source.loose_barcode, item.loose_sku))
    if not found and any(one and one == other for one, other in crossed):
        found.append((85, "the SKU of one is the barcode of the other"))
    return found


def words_of(title: str) -> list[str]:
    """The words of a title in their order, without case."""
    return _WORD.findall(normalize_text(title))


def title_likeness(one: str, other: str) -> float:
    """0 to 1: the share of words that two titles have in common (Dice), whatever their order."""
    mine, theirs = _word_set(one), _word_set(other)
    return 2 * len(mine & theirs) / (len(mine) + len(theirs)) if mine and theirs else 0.0


def title_searches(title: str, options: Sequence[str] = ()) -> list[list[str]]:
    """What to look for in steps, the narrowest first: all words with the options; all words; all words but one."""
    words = words_of(title)[:12]
    if not words:
        return []
    narrow = " ".join([*words, *(word for value in options for word in words_of(value))])
    but_one = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))] if 3 <= len(words) <= 8 else []
    return [[narrow], [" ".join(words)], but_one]


# The same titles and sizes come again and again: a product's variants, a shop's sizes.
@lru_cache(maxsize=4096)
def _word_set(title: str) -> frozenset[str]:
    return frozenset(words_of(title))


@lru_cache(maxsize=4096)
def _values(options: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(normalize_text(value) for value in options)
