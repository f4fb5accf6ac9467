"""Print figures as a Markdown table, and reduce measurements to what the table shows."""

import math
from collections.abc import Sequence


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a heading and a Markdown table; floats are rounded to three significant digits."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "|".join("---" for _ in header) + "|")
    for row in rows:
        print("| " + " | ".join(show(cell) for cell in row) + " |", flush=True)


def show(cell: object) -> str:
    """A cell's text."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of these values that at least `percent` of them do not exceed; nan of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(figure: float, floor: float) -> str:
    """How many times the floor a figure is."""
    return f"{figure / floor:.2f}" if floor else "-"
