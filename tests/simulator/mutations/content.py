"""Pages, blogs and articles: create, update, delete, each with its own manners about handles (shopify.md 8.3, row 33).

None of them has a webhook (row 43).
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulator.documents.call import Call
from tests.simulator.events.catalogue import metafields
from tests.simulator.events.catalogue.files import PictureError, fetch_picture
from tests.simulator.mutations.products.fields import as_handle
from tests.simulator.mutations.publications import read_instant
from tests.simulator.reads.shop import number_of
from tests.simulator.state.catalogue import Article, Blog, ContentPage
from tests.simulator.state.shop import Shop
from tests.simulator.state.tags import tidy_tags
from tests.simulator.wire.problems import user_error

MAX_TEXT = 255
MAX_BODY_BYTES = 512 * 1024
LONGEST_ARTICLE_HANDLE = 265
Thing = ContentPage | Blog | Article
PLAIN = {
    "title": "title",
    "body": "body",
    "summary": "summary",
    "templateSuffix": "template_suffix",
    "commentPolicy": "comment_policy",
}
NULLABLE = ("summary", "templateSuffix")


class Reader:
    """Checks the input of one thing; `errors` holds what is wrong."""

    def __init__(self, call: Call, root: str, kind: str, thing: Thing | None, given: dict):
        self.call = call
        self.root = root
        self.kind = kind
        self.thing = thing
        self.given = given
        self.errors: list[dict] = []
        self.fields: list[metafields.Wanted] = []

    def complain(self, path: list, message: str, code: str) -> None:
        self.errors.append(user_error([self.root, *path], message, code))

    def check(self) -> None:
        given = self.given
        if (self.thing is None or "title" in given) and not (given.get("title") or "").strip():
            # Blogs have no BLANK on create ([S] BlogCreateUserErrorCode).
            self.complain(["title"], "Title can't be blank", "INVALID" if self.kind == "Blog" else "BLANK")
        for name in ("title", "handle", "templateSuffix"):
            most = LONGEST_ARTICLE_HANDLE if (self.kind, name) == ("Article", "handle") else MAX_TEXT
            if len(given.get(name) or "") > most:
                label = name.capitalize()
                self.complain([name], f"{label} is too long (maximum is {most} characters)", "TOO_LONG")
        most = MAX_BODY_BYTES if self.kind == "Page" else 2 * MAX_BODY_BYTES
        if len((given.get("body") or "").encode()) > most:
            code = "TOO_BIG" if self.kind == "Page" else "TOO_LONG"
            self.complain(["body"], f"Body is too big (maximum is {'512 KB' if self.kind == 'Page' else '1 MB'})", code)
        at = read_instant(given.get("publishDate"))
        if at is not None and at < 0:
            self.complain(["publishDate"], "Publish date can't be before 1970", "INVALID")
        image = given.get("image") or {}
        has_image = bool(image.get("url") or getattr(self.thing, "image", None))
        if image.get("altText") and not has_image:
            self.complain(["image"], "Image can't have an alt text without an image", "INVALID")
        if given.get("isPublished") and at is not None and at > self.call.now:
            message = "Can't set isPublished to true and also set a future publish date."
            self.complain([], message, "INVALID_PUBLISH_DATE")
        owner = (self.kind, self.thing.id) if self.thing else (self.kind, 0)
        self.fields, problems = metafields.check_all(self.call.shop, owner, given.get("metafields"))
        for path, message, code in problems:
            known = code if code in ("INVALID_TYPE", "INVALID_VALUE") else "INVALID"
            self.complain(["metafields", *path], message, known)

    def check_handle(self, others: Iterable[Thing]) -> None:
        """For things whose taken handle is refused."""
        handle = as_handle(self.given.get("handle") or "")
        if handle and any(other.handle == handle for other in others if other is not self.thing):
            self.complain(["handle"], "Handle has already been taken", "TAKEN")

    def put(self, thing: Thing) -> None:
        given, now = self.given, self.call.now
        for name, attribute in PLAIN.items():
            if name in given and (given[name] is not None or name in NULLABLE):
                setattr(thing, attribute, given[name])
        metafields.put_all(self.call.shop, (self.kind, thing.id), self.fields, now)
        thing.updated_at = now

    def put_date(self, thing: ContentPage | Article, *, default: bool) -> None:
        """When it becomes visible; `default`: whether it is when nothing is said about it."""
        given, at = self.given, read_instant(self.given.get("publishDate"))
        if given.get("isPublished") is False:
            thing.published_at = None
        elif at is not None:
            thing.published_at = at
        elif given.get("isPublished") or (default and "isPublished" not in given):
            thing.published_at = thing.published_at or self.call.now

    def put_handle(self, thing: Thing, place: str, *, old: str) -> None:
        """`place` is where such things live in the online store, for the redirect."""
        handle = as_handle(self.given.get("handle") or "")
        if handle:
            if self.given.get("redirectNewHandle") and old and old != handle:
                self.call.shop.catalog.redirects[f"{place}/{old}"] = f"{place}/{handle}"
            thing.handle = handle


def free_handle(title: str, others: Iterable[Thing], kind: str) -> str:
    """Made from a text, with a number while another thing has it."""
    taken = {other.handle for other in others}
    base = as_handle(title) or kind.lower()
    handle, number = base, 0
    while handle in taken:
        number += 1
        handle = f"{base}-{number}"
    return handle


def missing(root: str, kind: str) -> dict:
    return {root: None, "userErrors": [user_error(["id"], f"{kind} does not exist", "NOT_FOUND")]}


# Pages


def create_page(root, call: Call, arguments: dict) -> dict:
    """Visible at once, unless the input says otherwise."""
    pages = call.shop.catalog.pages
    reader = Reader(call, "page", "Page", None, arguments["page"])
    reader.check()
    reader.check_handle(pages.values())
    if reader.errors:
        return {"page": None, "userErrors": reader.errors}
    page = ContentPage(call.shop.next_id(), "", "", call.now, call.now)
    reader.put(page)
    page.handle = free_handle(reader.given.get("handle") or page.title, pages.values(), "page")
    reader.put_date(page, default=True)
    pages[page.id] = page
    return {"page": page, "userErrors": []}


def update_page(root, call: Call, arguments: dict) -> dict:
    pages = call.shop.catalog.pages
    page = pages.get(number_of(arguments["id"], "Page"))
    if page is None:
        return missing("page", "Page")
    reader = Reader(call, "page", "Page", page, arguments["page"])
    reader.check()
    reader.check_handle(pages.values())
    if reader.errors:
        return {"page": None, "userErrors": reader.errors}
    reader.put_handle(page, "/pages", old=page.handle)
    reader.put(page)
    reader.put_date(page, default=False)
    return {"page": page, "userErrors": []}


def delete_page(root, call: Call, arguments: dict) -> dict:
    return _delete(call, arguments["id"], "Page", call.shop.catalog.pages)


def _delete(call: Call, text: str, kind: str, table: dict) -> dict:
    name = f"deleted{kind}Id"
    number = number_of(text, kind)
    if number not in table:
        return missing(name, kind)
    del table[number]
    metafields.forget(call.shop, (kind, number))
    return {name: text, "userErrors": []}


# Blogs


def create_blog(root, call: Call, arguments: dict) -> dict:
    """A taken handle gets a number without a word."""
    reader = Reader(call, "blog", "Blog", None, arguments["blog"])
    reader.check()
    if reader.errors:
        return {"blog": None, "userErrors": reader.errors}
    return {"blog": _make_blog(call, reader), "userErrors": []}


def _make_blog(call: Call, reader: Reader) -> Blog:
    blogs = call.shop.catalog.blogs
    blog = Blog(call.shop.next_id(), "", "", call.now, call.now)
    reader.put(blog)
    blog.handle = free_handle(reader.given.get("handle") or blog.title, blogs.values(), "blog")
    blogs[blog.id] = blog
    return blog


def update_blog(root, call: Call, arguments: dict) -> dict:
    """A taken handle is ignored without a word: compare the one that comes back."""
    blogs = call.shop.catalog.blogs
    blog = blogs.get(number_of(arguments["id"], "Blog"))
    if blog is None:
        return missing("blog", "Blog")
    reader = Reader(call, "blog", "Blog", blog, arguments["blog"])
    reader.check()
    if reader.errors:
        return {"blog": None, "userErrors": reader.errors}
    wanted = as_handle(reader.given.get("handle") or "")
    if not any(other.handle == wanted for other in blogs.values()):
        reader.put_handle(blog, "/blogs", old=blog.handle)
    reader.put(blog)
    return {"blog": blog, "userErrors": []}


def delete_blog(root, call: Call, arguments: dict) -> dict:
    """Its articles go with it."""
    answer = _delete(call, arguments["id"], "Blog", call.shop.catalog.blogs)
    if not answer["userErrors"]:
        number = number_of(arguments["id"], "Blog")
        for article in articles_of(call.shop, number):
            del call.shop.catalog.articles[article.id]
            metafields.forget(call.shop, ("Article", article.id))
    return answer


# Articles


def articles_of(shop: Shop, blog_id: int) -> list[Article]:
    return [article for article in shop.catalog.articles.values() if article.blog_id == blog_id]


def create_article(root, call: Call, arguments: dict) -> dict:
    shop = call.shop
    reader, blog, image = _read_article(call, arguments, None)
    if reader.errors:
        return {"article": None, "userErrors": reader.errors}
    article = Article(shop.next_id(), blog.id, "", "", call.now, call.now)
    _put_article(call, reader, article, image)
    article.handle = free_handle(reader.given.get("handle") or article.title, articles_of(shop, blog.id), "article")
    shop.catalog.articles[article.id] = article
    return {"article": article, "userErrors": []}


def update_article(root, call: Call, arguments: dict) -> dict:
    article = call.shop.catalog.articles.get(number_of(arguments["id"], "Article"))
    if article is None:
        return missing("article", "Article")
    reader, blog, image = _read_article(call, arguments, article)
    if reader.errors:
        return {"article": None, "userErrors": reader.errors}
    reader.put_handle(article, f"/blogs/{blog.handle}", old=article.handle)
    article.blog_id = blog.id
    _put_article(call, reader, article, image)
    return {"article": article, "userErrors": []}


def _read_article(call: Call, arguments: dict, article: Article | None) -> tuple[Reader, Blog | None, object | None]:
    """The input, its blog (made when the input says so) and its new image. Nothing is made after a complaint."""
    reader = Reader(call, "article", "Article", article, arguments["article"])
    reader.check()
    _check_author(reader, required=article is None)
    blog = _blog(call, reader, reader.given, arguments.get("blog"), article)
    if blog is not None:
        reader.check_handle(articles_of(call.shop, blog.id))
    image = None if reader.errors else _image(call, reader)
    if blog is None and not reader.errors:
        blog = _make_blog(call, Reader(call, "blog", "Blog", None, arguments["blog"]))
    return reader, blog, image


def _check_author(reader: Reader, *, required: bool) -> None:
    author = reader.given.get("author") or {}
    if author.get("name") and author.get("userId"):
        message = "Can't have both author name and user ID."
        reader.complain(["author"], message, "AMBIGUOUS_AUTHOR")
    elif author.get("userId"):
        reader.complain(["author", "userId"], "User must exist if a user ID is supplied.", "AUTHOR_MUST_EXIST")
    elif required and not (author.get("name") or "").strip():
        message = "Can't create an article if both author name and user ID are blank."
        reader.complain(["author"], message, "AUTHOR_FIELD_REQUIRED")


def _blog(call: Call, reader: Reader, given: dict, made: dict | None, article: Article | None) -> Blog | None:
    """The blog that is meant; None for one that is about to be made, or after a complaint."""
    blogs = call.shop.catalog.blogs
    if given.get("blogId") and made:
        reader.complain(["blogId"], "Can't create a blog from input if a blog ID is supplied.", "AMBIGUOUS_BLOG")
    elif given.get("blogId"):
        blog = blogs.get(number_of(given["blogId"], "Blog"))
        if blog is None:
            reader.complain(["blogId"], "Blog does not exist", "NOT_FOUND")
        return blog
    elif not made and article is not None:
        return blogs[article.blog_id]
    elif not made:
        message = "Must reference or create a blog when creating an article."
        reader.complain(["blogId"], message, "BLOG_REFERENCE_REQUIRED")
    return None


def _image(call: Call, reader: Reader) -> object | None:
    """A new image, downloaded while the mutation waits."""
    url = (reader.given.get("image") or {}).get("url")
    if not url:
        return None
    try:
        return fetch_picture(call.simulator, call.shop, url, call.simulator.clock.seconds())
    except PictureError as problem:
        reader.complain(["image"], f"Image {problem}", "UPLOAD_FAILED")
        return None


def _put_article(call: Call, reader: Reader, article: Article, image) -> None:
    given = reader.given
    reader.put(article)
    reader.put_date(article, default=False)
    if (given.get("author") or {}).get("name"):
        article.author = given["author"]["name"]
    if given.get("tags") is not None:
        article.tags = tidy_tags(given["tags"])
    if image is not None:
        article.image = image
    if "image" in given and given["image"] is None:
        article.image, article.image_alt = None, None
    elif "altText" in (given.get("image") or {}):
        article.image_alt = given["image"]["altText"]


RESOLVERS = {
    "Mutation.pageCreate": create_page,
    "Mutation.pageUpdate": update_page,
    "Mutation.pageDelete": delete_page,
    "Mutation.blogCreate": create_blog,
    "Mutation.blogUpdate": update_blog,
    "Mutation.blogDelete": delete_blog,
    "Mutation.articleCreate": create_article,
    "Mutation.articleUpdate": update_article,
    "Mutation.articleDelete": lambda root, call, arguments: _delete(
        call, arguments["id"], "Article", call.shop.catalog.articles
    ),
}
