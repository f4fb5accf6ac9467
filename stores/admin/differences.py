"""Fields that are not in the destination as the source would have them, side by side."""

from collections.abc import Iterable, Mapping
from typing import Any

from stores.admin import look
from stores.models import CatalogueField, FieldPolicy

FIELDS = dict(CatalogueField.choices)
POLICIES = {policy.value: policy.label.partition(":")[0] for policy in FieldPolicy}
# syncing.catalog.fields.Action
DONE = {
    "write": (look.GOOD, "written"),
    "keep": (look.WARN, "kept: it was edited there"),
    "leave": (look.QUIET, "left alone"),
}


PLANNED = DONE | {"write": (look.BUSY, "would be written")}


def difference_rows(differences: Iterable[Mapping[str, Any]], *, is_preview: bool) -> list[dict[str, Any]]:
    """Rows of CatalogueRunItem.differences for the template; every text in them is plain, and escaped there."""
    known = PLANNED if is_preview else DONE
    rows = []
    for row in differences:
        tone, words = known.get(row.get("action", ""), (look.QUIET, row.get("action", "")))
        name = row.get("field", "")
        rows.append(
            {
                "field": FIELDS.get(name, name.replace("_", " ").capitalize()),
                "subject": row.get("subject", ""),
                "wanted": look.value(row.get("wanted")),
                "current": look.value(row.get("current")),
                "policy": POLICIES.get(row.get("policy", ""), row.get("policy", "")),
                "done": look.pill(tone, words),
            }
        )
    return rows
