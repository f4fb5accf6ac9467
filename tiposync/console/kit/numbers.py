"""Numbers as people type them, and as they stand in addresses and forms: anything may stand there."""

MOST_DIGITS = 18  # of a row's number: what PostgreSQL's bigint holds in any case


def row_number(text: str | None) -> int | None:
    """The number of a row, or None for what is none: no text, `²`, which str.isdigit takes for a digit, or too long."""
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
