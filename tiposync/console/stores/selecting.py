"""Which products take part: the fields of a connection and of a store, and the page that asks before it is saved."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from stores import selecting
from stores.clients import OpenClient
from stores.models import Connection, Store, Variant
from stores.selection import Selection, Share
from stores.shopify import gids
from syncing.stock import ends
from tiposync.console.catalogue.settings_form import CollectionsField, LiveList, TextListField
from tiposync.console.kit.numbers import row_number
from tiposync.console.kit.operations import REFUSALS, refusal_words

SEEN = "_selection_seen"
SECRETS = ("client_secret", "previous_client_secret", "access_token")
SELECTED = (
    "selected_tags",
    "unselected_tags",
    "selected_collection_gids",
    "selected_vendors",
    "selected_product_types",
    "selected_product_gids",
)
SHARED = ("shares_products", "share_tags", "share_collection_gids")
FIELD_CLASSES = dict.fromkeys(SELECTED, TextListField) | {"selected_collection_gids": CollectionsField}
WIDGETS: dict[str, forms.Widget] = {name: UnfoldAdminTextareaWidget({"rows": 2}) for name in SELECTED}
WIDGETS["selected_collection_gids"] = LiveList()
HELP_TEXTS = {
    "selected_tags": "One in a line; any of them will do, case does not matter. None: whatever their tags are.",
    "unselected_tags": "One in a line. Products with any of them take no part.",
    "selected_collection_gids": "Products in any of these collections of the source. None ticked: in any or none.",
    "selected_vendors": "One in a line. None: of all vendors.",
    "selected_product_types": "One in a line. None: of all types.",
    "selected_product_gids": "One in a line: a product's handle in the source, its number or its id. None: no list.",
}


def find_products(source: Store, texts: Iterable[str]) -> list[str]:
    """The ids of products that are named by handle, number or id. Raises ValidationError for one that is not known."""
    found = []
    for text in texts:
        if row_number(text) is not None:
            found.append(gids.gid("Product", text))
        elif text.startswith("gid://"):
            found.append(text)
        else:
            known = Variant.objects.filter(store=source, handle=text.strip().lower(), gone_at=None)
            if (gid := known.values_list("product_gid", flat=True).first()) is None:
                raise ValidationError(f"{source} has no product with the handle “{text}”, as far as it was read.")
            found.append(gid)
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Effect:
    """What other settings would mean for one connection."""

    connection: Connection
    starting: int
    ending: int
    items: int
    units: int
    words: str

    def lines(self) -> list[str]:
        """For people."""
        said = [f"Products that begin to take part: {self.starting}.", f"Products that no longer do: {self.ending}."]
        return [*said, self.words] if self.ending else said


def effect_of(connection: Connection, wanted: Selection, share: Share, clients: OpenClient) -> Effect:
    """Count what these settings would change, having read what they ask for. Raises as the client does."""
    selecting.ensure_facts(connection, clients(connection.source), wanted, share)
    change = selecting.preview(connection, wanted, share)
    on_sale = ends.count_on_sale(ends.of_products(connection, change.ending))
    words = (
        f"On sale of these in {connection.destination}: {on_sale.items} items, {on_sale.units} units. "
        f"What becomes of them: {ending_words(connection)}."
    )
    return Effect(connection, len(change.starting), len(change.ending), on_sale.items, on_sale.units, words)


def ending_words(connection: Connection) -> str:
    """What a connection does with quantities that nobody vouches for any more, in words."""
    if ends.must_leave(connection):
        return "left as they are, and told, for the connection is two-way"
    return f"{connection.get_ending_display()[0].lower()}{connection.get_ending_display()[1:]}"


def has_followers(source: Store) -> bool:
    """Whether anything follows this source now."""
    return Connection.objects.filter(source=source, state=Connection.State.RUNNING).exists()


def effects_of_sharing(source: Store, changed: Store, clients: OpenClient) -> list[Effect]:
    """What another sharing would mean for each started connection of a source."""
    rows = Connection.objects.filter(source=source, state=Connection.State.RUNNING)
    share = selecting.share_of(changed)
    return [
        effect_of(row, selecting.selection_of(row), share, clients)
        for row in rows.select_related("source", "destination")
        if not row.ignores_selection or share.is_on != source.shares_products
    ]


def ask(
    request: HttpRequest, context: dict[str, Any], back: str, effects: Any, more: dict[str, Any] | None = None
) -> HttpResponse:
    """The page that says what would begin and end, and has it saved; what was entered travels along."""
    posted = [(name, text) for name, texts in request.POST.lists() for text in texts if name[:4] != "csrf"]
    if any(text for name, text in posted if name in SECRETS):  # never on a page
        context["note"] = "You entered credentials, too: they are not saved with this, enter them afterwards."
    posted = [(name, text) for name, text in posted if name not in SECRETS]
    found: list[Effect] = []
    try:
        found = effects()
    except REFUSALS as error:
        context["problem"] = refusal_words(error)
    context |= {"effects": found, "posted": [*posted, (SEEN, "1")], "back": back} | (more or {})
    return TemplateResponse(request, "admin/stores/connection/selection.html", context)
