"""A range of days, or of times, by which lists and timelines are filtered: in the time zone of whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.widgets import INPUT_CLASSES

from tiposync.console.times import time_zones

PARTS = ("from_0", "from_1", "to_0", "to_1")  # day and time of both ends, as the theme calls them
LONGEST_RANGE_DAYS = 7


class NoRange(ValueError):
    """What was asked for is no range of days. Says how one is written."""


@dataclass(frozen=True)
class DateRange:
    """From `since` to before `until`; without either, without that end. `words` are what a chip says."""

    since: datetime | None = None
    until: datetime | None = None
    words: str = ""

    def condition(self, field: str) -> Q:
        """The rows whose `field` lies within."""
        found = Q()
        if self.since:
            found &= Q(**{f"{field}__gte": self.since})
        if self.until:
            found &= Q(**{f"{field}__lt": self.until})
        return found


def quick_ranges() -> dict[str, tuple[date, date]]:
    """What is asked for most, by its words: first and last day."""
    today = time_zones.today()
    return {
        "Today": (today, today),
        "Yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "Last 7 days": (today - timedelta(days=LONGEST_RANGE_DAYS - 1), today),
    }


def read_range(asked: Any, name: str) -> DateRange:
    """The range that an address asks for under `name`. Raises NoRange."""
    first, first_time, last, last_time = (str(asked.get(f"{name}_{part}") or "").strip() for part in PARTS)
    try:
        since, until = _bound(first, first_time, is_end=False), _bound(last, last_time, is_end=True)
    except (ValueError, OverflowError):
        wrong = " ".join(text for text in (first, first_time, last, last_time) if text)
        raise NoRange(
            f"“{wrong}” is no day. Write it like {time_zones.today()}, and times like {timezone.localtime():%H:%M}."
        ) from None
    if since and until and since >= until:
        raise NoRange(f"“{first} {first_time}” is not before “{last} {last_time}”: choose an earlier beginning.")
    return DateRange(since, until, _words((first, first_time), (last, last_time)))


def _bound(day: str, at: str, *, is_end: bool) -> datetime | None:
    if not day:
        if at:
            raise ValueError
        return None
    on = date.fromisoformat(day)
    if not at:
        return time_zones.ends_at(on) if is_end else time_zones.begins_at(on)
    # A time that there is twice, as clocks are set back: the range holds both.
    moment = datetime.combine(on, time.fromisoformat(at), tzinfo=timezone.get_current_timezone())
    return moment.replace(fold=int(is_end)).astimezone(UTC)


def _words(first: tuple[str, str], last: tuple[str, str]) -> str:
    for label, days in quick_ranges().items():
        if (first, last) == tuple((str(day), "") for day in days):
            return label
    if first == last:
        return first[0]
    begins, ends = (" ".join(filter(None, end)) for end in (first, last))
    return " ".join(part for part in (begins and f"from {begins}", ends and f"to {ends}") if part)


def quick_links(query: QueryDict, name: str, *, drops: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """A link for each of what is asked for most, and one for all days; the rest of the query stays as it is."""
    rest = query.copy()
    asked = tuple(rest.get(f"{name}_{part}", "") for part in PARTS)
    for left_out in (*(f"{name}_{part}" for part in PARTS), *drops):
        rest.pop(left_out, None)
    links = [{"label": "All days", "url": f"?{rest.urlencode()}", "is_active": not any(asked)}]
    for label, (first, last) in quick_ranges().items():
        days = rest.copy()
        days[f"{name}_from_0"], days[f"{name}_to_0"] = str(first), str(last)
        is_active = asked == (str(first), "", str(last), "")
        links.append({"label": label, "url": f"?{days.urlencode()}", "is_active": is_active})
    return links


class RangeForm(forms.Form):
    """Day and time of both ends; the browser's own calendar and clock, which need no script."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for part, label in zip(PARTS, ("From", "From, time", "To", "To, time"), strict=True):
            is_day = part.endswith("0")
            attrs = {"class": " ".join(INPUT_CLASSES), "type": "date" if is_day else "time", "aria-label": label}
            self.fields[f"{name}_{part}"] = forms.CharField(
                label=label, required=False, widget=forms.TextInput(attrs=attrs)
            )
            self.fields[f"{name}_{part}"].widget.input_type = attrs["type"]


class DateRangeFilter(RangeDateTimeFilter):
    """By the days on which rows were made, or came. A time may be left out: from the day's beginning, to its end.

    The field's instants grow with the rows' numbers.
    """

    form_class = RangeForm
    template = "admin/console/date_range_filter.html"
    grows = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "date"

    @property
    def range(self) -> DateRange:
        """What is asked for. Raises NoRange."""
        return read_range(self.used_parameters, str(self.parameter_name))

    @property
    def words(self) -> str:
        """What a chip says; nothing of what is no range, and filters nothing."""
        try:
            return self.range.words
        except NoRange:
            return ""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        try:
            of_range = self.range.condition(self.field_path)
        except NoRange as error:
            messages.warning(request, str(error))
            return queryset
        if not of_range or not self.grows:
            return queryset.filter(of_range)
        # The rows of a day lie beside each other: named by the first and the last of them they are found at once. (With
        # a count, else the database would look for the first one from the first of the table on.)
        rows = queryset.model.objects.filter(of_range)
        span = rows.aggregate(first=Min("pk"), last=Max("pk"), count=Count("pk"))
        return queryset.filter(of_range, pk__gte=span["first"] or 0, pk__lte=span["last"] or 0)

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            yield choice | {"zone": time_zones.current_name()}


class AnyDateRangeFilter(DateRangeFilter):
    """By instants that do not grow with the rows' numbers."""

    grows = False
