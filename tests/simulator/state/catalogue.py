"""What the catalogue of a simulated shop consists of besides products: files, publications, content.

Ids are integers in here, instants whole seconds since 1970, as in state.py.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from tests.simulator.metaobjects.state import Metaobject, MetaobjectDefinition

ONLINE_STORE = "Online Store"
CHANNELS = (ONLINE_STORE, "Point of Sale")


@dataclass(slots=True, eq=False)
class File:
    """An image. `source` is where its bytes come from until they are here; then it has a CDN address of its own."""

    id: int
    filename: str
    created_at: int
    updated_at: int
    alt: str = ""
    source: str | None = None  # originalSource; None: made in the shop
    ready_at: float = 0.0  # by the simulator's clock
    download: Future | None = None  # of the bytes, or of why there are none
    content: bytes | None = None  # None: drawn from the filename when somebody asks
    problem: tuple[str, str] | None = None  # (MediaErrorCode, message)

    @property
    def is_moving(self) -> bool:
        """Whether it counts as media that is no image."""
        return isinstance(self, ExternalVideo | Video | Model3d)


@dataclass(slots=True, eq=False)
class ExternalVideo(File):
    """A film elsewhere: nothing is downloaded."""


@dataclass(slots=True, eq=False)
class Video(File):
    """A film that Shopify hosts: uploaded, never fetched."""


@dataclass(slots=True, eq=False)
class Model3d(File):
    """A body to be turned: uploaded, never fetched."""


@dataclass(slots=True, eq=False)
class StagedUpload:
    """A place for one file. `content` None: nothing was uploaded yet. `size` None: it was not told."""

    key: str
    resource: str
    filename: str
    mime_type: str
    size: int | None
    content: bytes | None = None


@dataclass(slots=True, eq=False)
class GenericFile(File):
    """A file that is no image, a manual for example. It cannot be media of a product."""


@dataclass(slots=True, eq=False)
class Publication:
    """A sales channel. Products and collections are unpublished until somebody lists them (shopify.md 8.1)."""

    id: int
    name: str
    auto_publish: bool = False
    supports_future_publishing: bool = False
    listings: dict[tuple[str, int], int] = field(default_factory=dict)  # (kind, id) -> publish date


@dataclass(slots=True, eq=False)
class Job:
    """Work that Shopify does later: `done` turns true by the clock (row 30)."""

    id: str
    done: bool = False


@dataclass(slots=True, eq=False)
class ProductOperation:
    """productSet in the background. `kind` is its type at Shopify."""

    id: int
    created_at: int
    kind: str = "ProductSetOperation"
    status: str = "CREATED"  # CREATED | ACTIVE | COMPLETE
    product_id: int | None = None
    user_errors: list[dict] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class DeleteOperation(ProductOperation):
    """productDelete in the background."""

    deleted_id: int | None = None


@dataclass(slots=True, eq=False)
class Condition:
    """One condition of a source, as its input had it: {"productTag": {...}}."""

    id: int
    name: str
    given: dict


@dataclass(slots=True, eq=False)
class Source:
    """A conditions source: products picked by hand, products that fit, less those left out."""

    id: int
    title: str
    description: str | None = None
    target_type: str = "PRODUCTS"
    selected: list[int] = field(default_factory=list)  # product ids, in the order they were picked
    conditions: list[Condition] = field(default_factory=list)
    match_type: str | None = None  # ALL | ANY
    excluded: list[int] = field(default_factory=list)
    excluding: list[Condition] = field(default_factory=list)
    excluding_match_type: str | None = None


@dataclass(slots=True, eq=False)
class Collection:
    id: int
    title: str
    handle: str
    created_at: int
    updated_at: int
    published_at: int | None = None
    description_html: str = ""
    sort_order: str = "BEST_SELLING"
    template_suffix: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    image: File | None = None
    image_alt: str | None = None
    sources: list[Source] = field(default_factory=list)
    order: list[int] = field(default_factory=list)  # product ids, under sort order MANUAL


@dataclass(slots=True, eq=False)
class ContentPage:
    id: int
    title: str
    handle: str
    created_at: int
    updated_at: int
    body: str = ""
    published_at: int | None = None
    template_suffix: str | None = None


@dataclass(slots=True, eq=False)
class Blog:
    id: int
    title: str
    handle: str
    created_at: int
    updated_at: int
    comment_policy: str = "CLOSED"
    template_suffix: str | None = None


@dataclass(slots=True, eq=False)
class Article:
    id: int
    blog_id: int
    title: str
    handle: str
    created_at: int
    updated_at: int
    author: str = ""
    body: str = ""
    summary: str | None = None
    tags: list[str] = field(default_factory=list)
    image: File | None = None
    image_alt: str | None = None
    published_at: int | None = None
    template_suffix: str | None = None


class Catalog:
    """The tables of one shop. `number` makes the ids of its publications, so that they differ from shop to shop."""

    def __init__(self, number: int):
        self.publications = {
            number * 100 + place: Publication(number * 100 + place, name, supports_future_publishing=not place)
            for place, name in enumerate(CHANNELS)
        }
        self.base_url = ""  # where the simulator serves
        self.files: dict[int, File] = {}
        self.file_names: dict[str, int] = {}
        self.staged: dict[str, StagedUpload] = {}
        self.collections: dict[int, Collection] = {}
        self.pages: dict[int, ContentPage] = {}
        self.blogs: dict[int, Blog] = {}
        self.articles: dict[int, Article] = {}
        self.metaobjects: dict[int, Metaobject] = {}
        self.metaobject_definitions: dict[int, MetaobjectDefinition] = {}
        self.operations: dict[int, ProductOperation] = {}
        self.busy_products: set[int] = set()  # an operation runs on them
        self.option_ids: dict[tuple[int, str], int] = {}  # (product, option) -> id
        self.value_ids: dict[tuple[int, str, str], int] = {}  # (product, option, value) -> id
        self.redirects: dict[str, str] = {}  # old path -> new path
        self.lagging_counts: dict[int, tuple[int, float]] = {}  # collection -> (old count, shown until)

    @property
    def online_store(self) -> Publication:
        return next(iter(self.publications.values()))
