"""Fields that are not in the destination as the source would have them, side by side."""

from collections.abc import Iterable, Mapping
from typing import Any

from stores.models import CatalogueField, FieldPolicy
from tiposync.console.kit import markup

FIELDS = dict(CatalogueField.choices)
POLICIES = {policy.value: policy.label.partition(":")[0] for policy in FieldPolicy}
# syncing.catalogue.rules.fields.Action
DONE = {
    "write": (markup.GOOD, "written"),
    "keep": (markup.WARN, "kept: it was edited there"),
    "leave": (markup.QUIET, "left alone"),
    "remove": (markup.BAD, "removed"),
}


PLANNED = DONE | {"write": (markup.BUSY, "would be written"), "remove": (markup.BAD, "would be removed")}


def difference_rows(differences: Iterable[Mapping[str, Any]], *, is_preview: bool) -> list[dict[str, Any]]:
    """Rows of CatalogueRunItem.differences for the template; every text in them is plain, and escaped there."""
    known = PLANNED if is_preview else DONE
    rows = []
    for row in differences:
        tone, words = known.get(row.get("action", ""), (markup.QUIET, row.get("action", "")))
        name = row.get("field", "")
        rows.append(
            {
                "field": FIELDS.get(name, name.replace("_", " ").capitalize()),
                "subject": row.get("subject", ""),
                "wanted": markup.value(row.get("wanted")),
                "current": markup.value(row.get("current")),
                "policy": POLICIES.get(row.get("policy", ""), row.get("policy", "")),
                "done": markup.pill(tone, words),
            }
        )
    return rows
