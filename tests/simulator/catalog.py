"""Everything that the catalogue adds to the schema's resolvers, and the types of its objects."""

from __future__ import annotations

from . import (
    collection_reads,
    collection_writes,
    conditions,
    content_reads,
    content_writes,
    media,
    product_set,
    products,
    publications,
    reads_products,
    variants,
)
from .catalog_state import (
    Article,
    Blog,
    Collection,
    ContentPage,
    DeleteOperation,
    ExternalVideo,
    File,
    GenericFile,
    Job,
    ProductOperation,
    Publication,
    Source,
)
from .publications import Listing

RESOLVERS = {
    **reads_products.RESOLVERS,
    **media.RESOLVERS,
    **publications.RESOLVERS,
    **product_set.RESOLVERS,
    **products.RESOLVERS,
    **variants.RESOLVERS,
    **collection_reads.RESOLVERS,
    **collection_writes.RESOLVERS,
    **content_reads.RESOLVERS,
    **content_writes.RESOLVERS,
}
TYPE_NAMES = {
    File: "MediaImage",
    ExternalVideo: "ExternalVideo",
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
}
