"""Which products take part, on the command line: --select and --share as NAME=VALUE, and what they would change."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from stores import selecting
from stores.clients import open_for_check
from stores.models import Connection, Store
from stores.shopify import gids
from stores.shopify.errors import ShopifyError
from tiposync.console.kit.numbers import row_number
from tiposync.console.stores.selecting import Effect, effect_of, effects_of_sharing, find_products

SELECT_NAMES = {
    "tags": "selected_tags",
    "without_tags": "unselected_tags",
    "collections": "selected_collection_gids",
    "vendors": "selected_vendors",
    "types": "selected_product_types",
    "products": "selected_product_gids",
}
SHARE_NAMES = {"products": "shares_products", "tags": "share_tags", "collections": "share_collection_gids"}


def select(connection: Connection, texts: Iterable[str]) -> list[str]:
    """Set what `--select` says, unsaved; the names of the fields. Raises CommandError."""
    names = []
    for text in texts:
        name, values = _split("--select", text, SELECT_NAMES)
        if name == "selected_product_gids":
            values = _find_products(connection.source, values)
        elif name == "selected_collection_gids":
            values = [_collection(value) for value in values]
        setattr(connection, name, values)
        names.append(name)
    return names


def share(source: Store, texts: Iterable[str]) -> list[str]:
    """Set what `--share` says, unsaved; the names of the fields. Raises CommandError."""
    names = []
    for text in texts:
        name, values = _split("--share", text, SHARE_NAMES)
        if name == "shares_products":
            if values not in (["on"], ["off"]):
                raise CommandError("--share products: write on or off.", returncode=2)
            source.shares_products = values == ["on"]
        else:
            setattr(source, name, [_collection(value) for value in values] if "collection" in name else values)
        names.append(name)
    return names


def _split(option: str, text: str, known: dict[str, str]) -> tuple[str, list[str]]:
    name, equals, rest = text.partition("=")
    if not equals or name not in known:
        words = f'{option} "{text}": write it as NAME=VALUE,VALUE; names are {", ".join(known)}.'
        raise CommandError(words, returncode=2)
    return known[name], [value.strip() for value in rest.split(",") if value.strip()]


def _collection(text: str) -> str:
    return gids.gid("Collection", text) if row_number(text) is not None else text


def _find_products(source: Store, texts: list[str]) -> list[str]:
    try:
        return find_products(source, texts)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None


def effects(connection: Connection, source: Store) -> list[Effect]:
    """What the unsaved settings of a connection, and of its source, would mean. Raises CommandError."""
    try:
        stored = Store.objects.get(pk=source.pk)
        wanted, shared = selecting.selection_of(connection), selecting.share_of(source)
        is_other = selecting.share_of(stored) != shared
        others = effects_of_sharing(stored, source, open_for_check) if is_other else []
        own = effect_of(connection, wanted, shared, open_for_check)
        return [own, *(effect for effect in others if effect.connection.pk != connection.pk)]
    except ShopifyError as error:
        raise CommandError(str(error)) from None
