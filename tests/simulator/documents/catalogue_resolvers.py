"""Everything that the catalogue adds to the schema's resolvers, and the types of its objects."""

from __future__ import annotations

from tests.simulator.events.catalogue import conditions
from tests.simulator.metaobjects import mutations as metaobject_writes
from tests.simulator.metaobjects import reads as metaobjects
from tests.simulator.mutations import collections as collection_writes
from tests.simulator.mutations import content as content_writes
from tests.simulator.mutations import publications
from tests.simulator.mutations.products import media, product_set, products, staged, variants
from tests.simulator.mutations.publications import Listing
from tests.simulator.reads import collections, content
from tests.simulator.reads import products as reads_products
from tests.simulator.state.catalogue import (
    Article,
    Blog,
    Collection,
    ContentPage,
    DeleteOperation,
    ExternalVideo,
    File,
    GenericFile,
    Job,
    Model3d,
    ProductOperation,
    Publication,
    Source,
    Video,
)

RESOLVERS = {
    **reads_products.RESOLVERS,
    **media.RESOLVERS,
    **staged.RESOLVERS,
    **publications.RESOLVERS,
    **product_set.RESOLVERS,
    **products.RESOLVERS,
    **variants.RESOLVERS,
    **collections.RESOLVERS,
    **collection_writes.RESOLVERS,
    **content.RESOLVERS,
    **content_writes.RESOLVERS,
    **metaobjects.RESOLVERS,
    **metaobject_writes.RESOLVERS,
}
TYPE_NAMES = {
    File: "MediaImage",
    ExternalVideo: "ExternalVideo",
    Video: "Video",
    Model3d: "Model3d",
    GenericFile: "GenericFile",
    Publication: "Publication",
    Listing: "ResourcePublicationV2",
    Job: "Job",
    ProductOperation: "ProductSetOperation",
    DeleteOperation: "ProductDeleteOperation",
    Collection: "Collection",
    Source: "CollectionConditionsSource",
    **conditions.TYPE_NAMES,
    ContentPage: "Page",
    Blog: "Blog",
    Article: "Article",
    **metaobjects.TYPE_NAMES,
}
