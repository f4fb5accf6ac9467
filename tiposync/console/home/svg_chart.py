"""A chart as plain figures for its template: bars or lines over time, its axes, what each point says, its table.

Drawn on the server as SVG: no script, nothing that a content security policy must allow, readable without colours.
The plot is stretched to the width of its card; whatever must not be stretched (words, dots) is laid out beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

HEIGHT, WIDTH = 100, 10  # of the plot, and the width of one point in it, in units of its own
MOST_STEPS = 4

Value = float | None


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour: `name` for the legend and the table, a value for each point, None where none."""

    name: str
    values: Sequence[Value]


def draw(
    series: Sequence[Series],
    points: Sequence[str],
    ticks: Sequence[str],
    *,
    is_line: bool = False,
    words: Callable[[Value], str],
    steps: Callable[[float], float],
) -> dict[str, Any]:
    """What the template needs.

    `points` names each point in full; `ticks` are the words below the plot, at equal distances from end to end;
    `words` writes a value; `steps` finds the distance between grid lines for the largest value.
    """
    largest = max((value for one in series for value in one.values if value is not None), default=0)
    step = steps(largest / MOST_STEPS)
    count = max(1, ceil(largest / step))
    top = step * count
    return {
        "is_empty": not largest,
        "width": WIDTH * len(points),
        "height": HEIGHT,
        "slot": WIDTH,
        "is_line": is_line,
        "grid": [_number(HEIGHT * line / count) for line in range(count + 1)],
        "scale": [words(step * (count - line)) for line in range(count + 1)],
        "ticks": ticks,
        "series": [
            {"name": one.name} | (_line(one.values, top) if is_line else {"bars": _bars(one.values, top)})
            for one in series
        ],
        "hovers": [
            {"x": WIDTH * index, "words": f"{point}: {_say(series, index, words)}"}
            for index, point in enumerate(points)
        ],
        "table": [
            {"point": point, "values": [words(one.values[index]) for one in series]}
            for index, point in enumerate(points)
        ],
    }


def _say(series: Sequence[Series], index: int, words: Callable[[Value], str]) -> str:
    said = [(one.name, words(one.values[index])) for one in series]
    return said[0][1] if len(said) == 1 else ", ".join(f"{name} {value}" for name, value in said)


def _bars(values: Sequence[Value], top: float) -> list[dict[str, str]]:
    bars = []
    for index, value in enumerate(values):
        if value:
            height = max(1.0, HEIGHT * value / top)  # one of ten thousand is still something
            bars.append({"x": _number(WIDTH * index + 1), "y": _number(HEIGHT - height), "height": _number(height)})
    return bars


def _line(values: Sequence[Value], top: float) -> dict[str, str]:
    """A path through the values, interrupted where one is missing; and one with a dot for each that stands alone."""
    path, dots = [], []
    for index, value in enumerate(values):
        if value is None:
            continue
        place = f"{_number(WIDTH * (index + 0.5))} {_number(HEIGHT - HEIGHT * value / top)}"
        follows, leads = (0 <= at < len(values) and values[at] is not None for at in (index - 1, index + 1))
        path.append(f"{'L' if follows else 'M'}{place}")
        if not follows and not leads:
            dots.append(f"M{place}h0")  # of no length: its round ends are the dot, which nothing stretches
    return {"path": "".join(path), "dots": "".join(dots)}


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def count_steps(least: float) -> float:
    """The distance between grid lines of a chart of counts: 1, 2 or 5 times a power of ten."""
    size = 1
    while size < least:
        size *= 10
    return next((float(step) for step in (size // 5, size // 2, size) if step >= max(1, least)), 1.0)


_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900)


def second_steps(least: float) -> float:
    """The distance between grid lines of a chart of seconds: such as 0.5 s, 15 s, 5 minutes."""
    return next((float(step) for step in _SECONDS if step >= least), 1800.0)


def count_words(value: Value) -> str:
    """A count, with separators."""
    return f"{value or 0:,.0f}"


def second_words(value: Value) -> str:
    """A span in the unit that suits it; – where nothing was measured."""
    if value is None:
        return "–"
    if value < 120:
        return f"{value:.0f} s" if value >= 10 or value == int(value) else f"{value:.2g} s"
    return f"{value / 60:.3g} min"
