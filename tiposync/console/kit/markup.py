"""How values look on the console's pages: coloured labels, instants, quantities, links. Everything is escaped."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from stores.linking.scoring import SURE_SCORE

GOOD, BUSY, WARN, BAD, QUIET = "good", "busy", "warn", "bad", "quiet"
NOTHING = "–"

# One colour per value of a state, whatever the model: the words agree across models.
TONES = {
    "ready": GOOD,
    "running": GOOD,
    "linked": GOOD,
    "in_step": GOOD,
    "done": GOOD,
    "succeeded": GOOD,
    "applied": GOOD,
    "released": GOOD,
    "set_true": GOOD,
    "finished": GOOD,
    "new": BUSY,
    "queued": BUSY,
    "pending": BUSY,
    "reading": BUSY,
    "planning": BUSY,
    "creating": BUSY,
    "planned": BUSY,
    "waiting": BUSY,
    "ambiguous": WARN,
    "unmatched": WARN,
    "drifted": WARN,
    "stale": WARN,
    "held": WARN,
    "paused": WARN,
    "conflict": WARN,
    "open": WARN,
    "attention": BAD,
    "disconnected": BAD,
    "failed": BAD,
    "rejected": BAD,
    "refused": BAD,
    "unknown": BAD,
}


def pill(tone: str, text: str, title: str = "") -> SafeString:
    """A coloured label; `tone` is one of GOOD, BUSY, WARN, BAD, QUIET."""
    return format_html('<span class="console-pill console-{}" title="{}">{}</span>', tone, title, text)


def state_pill(row: Model, field: str = "state", title: str = "", tone: str = "") -> SafeString:
    """The state of a row as a coloured label: what stands before the colon of its name, the rest as its title."""
    value, text = getattr(row, field), str(getattr(row, f"get_{field}_display")())
    short, _, rest = text.partition(":")
    return pill(tone or TONES.get(value, QUIET), short or NOTHING, title or rest.strip())


def score_pill(score: int) -> SafeString:
    """How well a suggested partner fits, 0 to 100."""
    tone = GOOD if score >= SURE_SCORE else WARN if score >= 60 else QUIET
    return pill(tone, str(score), "Score, 0 to 100: how well it fits")


def ago(at: datetime | None, never: str = "never") -> SafeString | str:
    """An instant as a distance from now, with the exact one as its title: where whoever asks is, and in UTC."""
    if at is None:
        return never
    distance = timesince(at, depth=1)
    words = "just now" if distance.startswith("0") else f"{distance} ago"
    if at > timezone.now():
        words = f"in {timesince(timezone.now(), at, depth=1)}"
    zone = timezone.get_current_timezone_name()
    local = "" if zone == "UTC" else f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S} {zone}, "
    return _time(at, words, local + in_utc(at))


def exact(at: datetime | None, form: str = "%Y-%m-%d %H:%M:%S", never: str = NOTHING) -> SafeString | str:
    """An instant where whoever asks is, with the one in UTC as its title."""
    return _time(at, f"{timezone.localtime(at):{form}}", in_utc(at)) if at else never


def in_utc(at: datetime) -> str:
    """An instant to the second, in UTC, which it says."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _time(at: datetime, words: str, title: str) -> SafeString:
    return format_html('<time class="console-time" datetime="{}" title="{}">{}</time>', at.isoformat(), title, words)


def quantity(value: int | None) -> SafeString | int:
    """A stock level: unknown is never shown as 0, and below 0 is shown as oversold."""
    if value is None:
        return pill(QUIET, "unknown", "Unknown, not stocked there, or not tracked: never read as 0")
    return (
        format_html('<span class="console-number">{}</span> {}', value, pill(BAD, "oversold")) if value < 0 else value
    )


def change(before: int | None, after: int | None) -> SafeString | str:
    """From one quantity to another, with the difference; one quantity where nothing changes."""
    if before is None and after is None:
        return NOTHING
    if before == after:
        return format_html('<span class="console-number">{}</span>', after)
    shown = [NOTHING if value is None else value for value in (before, after)]
    difference = "" if before is None or after is None else f" ({after - before:+d})"
    return format_html('<span class="console-number">{} → {}<small>{}</small></span>', *shown, difference)


def page_of(row: Model | None, text: Any = None, page: str = "change") -> SafeString | str:
    """A link to a row's page in the console, or its text alone where it has none."""
    if row is None:
        return NOTHING
    try:
        url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])
    except NoReverseMatch:
        return str(text or row)
    return anchor(url, text or row)


def anchor(url: str, text: Any) -> SafeString:
    """A link."""
    return format_html('<a class="console-link" href="{}">{}</a>', url, text)


def outside(url: str, text: Any) -> SafeString:
    """A link that leaves the console, opened beside it."""
    return format_html(
        '<a class="console-link console-number" href="{}" target="_blank" rel="noopener noreferrer">{} ↗</a>', url, text
    )


def unbroken(text: str) -> SafeString | str:
    """An amount or another short text that belongs on one line."""
    return format_html('<span class="console-number">{}</span>', text) if text else ""


def list_url(model: type[Model], **filters: Any) -> str:
    """The address of a model's list page, filtered."""
    query = urlencode(
        {name: given.isoformat() if isinstance(given, datetime) else given for name, given in filters.items()}
    )
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + (
        f"?{query}" if query else ""
    )


def two_lines(first: Any, second: Any) -> SafeString:
    """A cell with a main line and a quieter one below."""
    said = " · ".join(text for text in (strip_tags(str(first)), strip_tags(str(second))) if text)
    return format_html('<span class="console-two" title="{}">{}<small>{}</small></span>', said, first, second)


def preformatted(text: str) -> SafeString:
    """Text as it is, wrapped, in a fixed-width face."""
    return format_html('<pre class="console-pre">{}</pre>', text)


def to_copy(text: str) -> SafeString:
    """Text as it is, with a button that copies it (console.js)."""
    return format_html(
        '<span class="console-copy">{}<button type="button" class="console-button" data-copy>Copy</button></span>',
        preformatted(text),
    )


def folded(summary: str, text: str) -> SafeString | str:
    """Long text folded away behind its summary; nothing when there is none."""
    if not text:
        return NOTHING
    return format_html(
        '<details class="console-details"><summary>{}</summary>{}</details>', summary, preformatted(text)
    )


def fetched(url: str, form: str, names: Iterable[str]) -> SafeString:
    """A place that the page fills from `url` once it is open, and again when the form changes, with these inputs of it.

    Of a form that somebody only reads there are none.
    """
    return format_html(
        '<div class="console-fetched" hx-get="{}" hx-include="{}" hx-params="{}" '
        'hx-trigger="load, change from:{} delay:300ms"><p class="console-muted">Reading …</p></div>',
        url,
        form,
        ",".join(names),
        form,
    )


def wrapped(text: str) -> SafeString | str:
    """A sentence in a cell: on several lines where it must, in a list on one, with the whole as its title."""
    said = strip_tags(str(text))
    return format_html('<span class="console-wrap" title="{}">{}</span>', said, text) if text else NOTHING


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """What admin/console/table.html draws; a table without rows is none."""
    drawn = [list(zip(heads, row, strict=True)) for row in rows]
    return {"heads": heads, "rows": drawn} if drawn else {}


def progress_words(done: int, total: int, failed: int) -> str:
    """How far something is, in numbers."""
    words = f"{done:,} of {total:,}" if total else ""
    return f"{words}, {failed:,} failed" if failed else words


def value(given: Any) -> str:
    """A value of a store in words, as plain text: whatever shows it escapes it."""
    if given is None or given == "" or given == []:
        return NOTHING
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, list) and all(isinstance(part, str | int | float) for part in given):
        return ", ".join(str(part) for part in given if part != "")
    return pretty_json(given) if isinstance(given, dict | list) else str(given)


def pretty_json(value: Any) -> str:
    """JSON as a person reads it, keys in their order."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def joined(parts: Iterable[Any], separator: str = " ") -> SafeString:
    """Parts one after the other; what is plain text in them is escaped, what is empty is left out."""
    return format_html_join(separator, "{}", ((part,) for part in parts if part not in ("", None)))
