"""A connection whose collections and content follow, on the stage of the traffic's tests."""

from collections.abc import Callable

import pytest

from stores.models import CatalogueSettings
from tests.syncing.catalog.scene import Scene
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
