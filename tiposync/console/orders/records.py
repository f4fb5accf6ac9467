"""An order as data, for programs: what the command line prints as JSON, and lays out for people."""

from typing import Any

from orders import side_by_side
from orders.models import OrderImport
from tiposync.console.management.lookup import name_of
from tiposync.console.orders.summary import advise, others_of, waiting_first


def order_record(row: OrderImport) -> dict[str, Any]:
    """An order in short: what it is, its state and why, its copy."""
    return {
        "name": row.order_name,
        "gid": row.order_gid,
        "connection": name_of(row.connection),
        "placed_at": row.placed_at,
        "total": row.original_total,
        "currency": row.original_currency,
        "state": row.state,
        "waits_for": row.waits_for,
        "failure": row.failure,
        "reason": row.reason,
        "notes": row.notes.splitlines(),
        "is_partial": row.is_partial,
        "late_links": row.late_links,
        "copy": _copy_record(row),
    }


def _copy_record(row: OrderImport) -> dict[str, Any] | None:
    if not row.copy_gid:
        return None
    return {
        "name": row.copy_name,
        "gid": row.copy_gid,
        "order_gid": row.copy_order_gid,
        "is_draft": row.is_draft,
        "draft_status": row.draft_status,
        "total": row.copy_total,
        "currency": row.copy_currency,
    }


def full_record(row: OrderImport) -> dict[str, Any]:
    """The same with its lines beside those of the copy, the steps, the other copies, and what to do."""
    lines = side_by_side.compare_rows(row, row.lines.select_related("source_variant"))
    steps = side_by_side.find_steps(row, waiting_first(row.updates.all()))
    return order_record(row) | {
        "advice": advise(row),
        "summary": side_by_side.sum_up(row, lines),
        "lines": [_line_record(each) for each in lines],
        "steps": [_step_record(each) for each in steps],
        "other_copies": [order_record(other) for other in others_of(row)],
    }


def _line_record(beside: side_by_side.LineBeside) -> dict[str, Any]:
    partner = beside.line.source_variant
    return {
        "gid": beside.line.line_gid,
        "title": beside.title,
        "source_variant": partner.gid if partner else "",
        "state": beside.line.state,
        "ordered": beside.ordered,
        "in_original": beside.in_original,
        "in_copy": beside.in_copy,
        "held_back": beside.held_back,
        "differs": beside.differs,
        "words": beside.words,
    }


def _step_record(step: side_by_side.Step) -> dict[str, Any]:
    return {"name": step.name, "state": step.state, "waits": step.waits, "words": step.words, "at": step.at}
