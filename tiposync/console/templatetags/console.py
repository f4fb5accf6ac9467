"""Times in templates: in the zone of whoever asks, with UTC as their title."""

from datetime import datetime
from typing import Any

from django import template
from django.db.models import DateTimeField

from tiposync.console.kit import markup

register = template.Library()


@register.filter
def instant(at: datetime | None, never: str = markup.NOTHING) -> str:
    """An instant to the second."""
    return markup.exact(at, never=never)


@register.filter
def minute(at: datetime | None, never: str = markup.NOTHING) -> str:
    """An instant to the minute."""
    return markup.exact(at, "%Y-%m-%d %H:%M", never)


@register.filter
def contents(field: Any) -> str:
    """What a field shows that is no input on this page: an instant as everywhere, anything else as the theme has it."""
    resolved = getattr(field, "resolved_field", None)
    if resolved and isinstance(resolved[0], DateTimeField):
        return markup.exact(resolved[2], never="-")
    return field.contents()
