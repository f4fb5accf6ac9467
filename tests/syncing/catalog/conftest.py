"""A connection whose collections and content follow, on the stage of the traffic's tests."""

from collections.abc import Callable

import pytest

from stores.models import CatalogueSettings
from tests.syncing.catalog.scene import Scene
from tests.syncing.catalog.showroom import Showroom
from tests.world import World


@pytest.fixture
def scene(pair: Callable[..., World]) -> Callable[..., Scene]:
    """Builds a source and a destination with linked products and what `fields` says of the catalogue."""

    def build(items: int = 4, **fields) -> Scene:
        world = pair("one_way", items=items)
        fields = {"product_mode": "off", "collection_mode": "create_update"} | fields
        CatalogueSettings.objects.create(connection=world.connections[0], **fields).start()
        return Scene(world)

    return build


@pytest.fixture
def showroom(pair: Callable[..., World]) -> Callable[..., Showroom]:
    """Builds a source and a destination without products, and what `fields` says of the catalogue."""

    def build(destinations: int = 1, **fields) -> Showroom:
        connected = {name: fields.pop(name) for name in ("strategy", "identifier", "alignment") if name in fields}
        world = pair(connected.pop("strategy", "one_way"), items=0, destinations=destinations, **connected)
        for connection in world.connections:
            CatalogueSettings.objects.create(
                connection=connection, **{"product_mode": "create_update"} | fields
            ).start()
        return Showroom(world)

    return build


@pytest.fixture
def press(scene: Callable[..., Scene]) -> Scene:
    """Pages, blogs and articles follow."""
    return scene(items=1, syncs_pages=True, syncs_blogs=True, syncs_articles=True, collection_mode="off")
