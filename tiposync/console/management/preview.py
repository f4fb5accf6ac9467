"""A previewed pair in words, for commands."""

from syncing.stock.preview import PreviewRow


def preview_line(row: PreviewRow) -> str:
    """One pair in one line: what both sides have, what they would become, or why it is skipped."""
    source = _becomes(row.source, row.source_becomes)
    destination = _becomes(row.destination, row.destination_becomes)
    reason = f" ({row.reason})" if row.reason else ""
    return f"{row.variant}, {row.locations}: source {source}, destination {destination}{reason}"


def _becomes(before: int | None, after: int | None) -> str:
    now = "unknown" if before is None else str(before)
    return now if before == after else f"{now} → {after}"
