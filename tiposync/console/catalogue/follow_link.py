"""What follows: products, collections, pages, blogs and articles with their partners, and what keeps one from it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from stores import selecting
from stores.clients import open_for_person
from stores.models import CatalogueSettings, ProductLink, ResourceLink, VariantLink
from stores.models.catalogue_link import FollowState
from stores.shopify import gids
from stores.shopify.products import product_records
from syncing.catalogue import spared
from syncing.catalogue.policy import NoRate
from syncing.catalogue.products.follower import ProductFollower
from syncing.catalogue.products.single import choosing, unlinking_of
from syncing.catalogue.products.unlinking import is_spared, unlinking_action
from syncing.connections import participation, product_matching
from syncing.models import CatalogueRunItem
from syncing.queue import enqueue
from syncing.stock import ends
from tiposync.console.catalogue.summary import page_of_catalogue
from tiposync.console.kit import in_shopify, markup
from tiposync.console.kit.differences import difference_rows
from tiposync.console.kit.filters import ConnectionFilter, ExactFilter
from tiposync.console.kit.item_search import SearchedByText
from tiposync.console.kit.operations import REFUSALS, operation, refusal_words
from tiposync.console.kit.pages import ReadOnlyPage
from tiposync.console.stores import ending

Followed = ProductLink | ResourceLink
CHANGE_RULES = "stores.change_cataloguesettings"  # what follows is the manager's choice
CHANGE_PRODUCT, CHANGE_RESOURCE = "stores.change_productlink", "stores.change_resourcelink"
MOST_ROWS = 1000
DONE = CatalogueRunItem.Outcome.DONE
QUEUED = "Queued: it is compared and synced within seconds if a worker is up. Reload to see the result."


class AttentionFilter(ExactFilter):
    """What an operator should look at."""

    title = "attention"
    parameter_name = "attention"
    conditions: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("open", "Needs attention: conflict or failed", {"state__in": [FollowState.CONFLICT, FollowState.FAILED]}),
    )


class ProductAttentionFilter(AttentionFilter):
    """The same of products, with those that nobody takes off sale."""

    conditions = (
        *AttentionFilter.conditions,
        ("left", "Left on sale, and follows nothing any more", {"pk__in": spared.find_left().values("pk")}),
    )


def why_nothing_follows(link: Followed) -> str:
    """Why a connection's catalogue does not travel now, in words; '' when it does."""
    settings = CatalogueSettings.objects.filter(connection=link.connection_id).first()
    return settings.why_inert() if settings else "Product sync is not set up for this connection."


def what_leaving_out_does(link: ProductLink) -> str:
    """What becomes of its partner, beforehand and in words."""
    words = "It no longer follows along this connection, whatever is selected, and neither does its stock."
    settings = CatalogueSettings.objects.filter(connection=link.connection_id).first()
    if settings is None or unlinking_action(settings, link) == CatalogueRunItem.Action.SKIP:
        return f"{words} In the destination nothing is changed."
    return f"{words} In the destination: {settings.get_unlink_display().lower()}."


def shopify_page(link: Followed, side: str) -> str:
    """A link to the thing in the admin of the source or the destination; '–' where it is not there."""
    store = link.connection.source if side == "source" else link.connection.destination
    gid = link.source_gid if side == "source" else link.destination_gid
    if not gid:
        return markup.NOTHING
    try:
        return markup.outside(store.page_in_shopify(gid), f"{store}: {gids.number(gid)}")
    except gids.GidError:
        return gid


def compare_anew(link: Followed) -> None:
    """Have it carried, and its partner read even if the source has not changed."""
    type(link).objects.filter(pk=link.pk).update(fingerprint="")
    if isinstance(link, ProductLink):
        enqueue.sync_product(link.connection, link.source_gid, due_in=0)
    elif link.kind == ResourceLink.Kind.COLLECTION:
        enqueue.sync_collection(link.connection, link.source_gid)
    else:  # these are looked at together: nothing tells of a single one
        enqueue.sync_content(link.connection, compares=True)


class FollowPage(SearchedByText, ReadOnlyPage):
    """What both kinds of links have in common."""

    list_filter_submit = True
    list_select_related = ["connection__source", "connection__destination"]
    search_fields = ["title", "handle", "source_gid__exact", "destination_gid__exact"]
    search_help_text = "Search by title, handle or Shopify's id"
    panel_template = "admin/stores/followlink/summary.html"
    ordering = ["title", "pk"]

    def panel(self, request: HttpRequest, row: Followed) -> dict[str, Any]:
        items = CatalogueRunItem.objects.filter(run__connection=row.connection_id, source_gid=row.source_gid)
        last = items.exclude(differences=[]).select_related("run__connection__source", "run__connection__destination")
        item = last.order_by("-id").first()
        return {
            "connection": row.connection,
            "state": markup.state_pill(row),
            "reason": row.reason,
            "source": shopify_page(row, "source"),
            "partner": shopify_page(row, "destination"),
            "catalogue": page_of_catalogue(row.connection_id),
            "rows": difference_rows(item.differences, is_preview=item.outcome != DONE) if item else [],
            "item": markup.page_of(item, str(item.run)) if item else "",
            "is_preview": bool(item and item.run.is_preview),
            "inert": why_nothing_follows(row),
        }

    @display(description="In the source", ordering="title")
    def shown_title(self, link: Followed) -> str:
        return markup.two_lines(markup.wrapped(link.title or link.source_gid), link.handle)

    @display(description="State", ordering="state")
    def shown_state(self, link: Followed) -> str:
        return markup.joined(
            [markup.state_pill(link), markup.pill(markup.QUIET, "created by us") if link.is_created else ""]
        )

    @display(description="Why")
    def shown_reason(self, link: Followed) -> str:
        return markup.wrapped(link.reason)

    @display(description="Connection")
    def about(self, link: Followed) -> str:
        return markup.page_of(link.connection)

    @display(description="Last written", ordering="synced_at")
    def shown_synced(self, link: Followed) -> str:
        return markup.ago(link.synced_at, markup.NOTHING)

    @display(description="In Shopify")
    def shown_arrows(self, link: Followed) -> str:
        what = link.title or link.handle or "it"
        return in_shopify.both_ends(link.connection, link.source_gid, link.destination_gid, what) or markup.NOTHING

    def carry_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Carry those whose catalogue travels; the others are told."""
        reasons: dict[int, str] = {}
        count = 0
        for link in queryset.select_related("connection__source", "connection__destination")[:MOST_ROWS]:
            if link.connection_id not in reasons:
                reasons[link.connection_id] = why_nothing_follows(link)
            if not reasons[link.connection_id]:
                compare_anew(link)
                self.log_change(request, link, "Sync now.")
                count += 1
        messages.success(request, f"Queued: {count}.")
        for reason in sorted(set(filter(None, reasons.values()))):
            messages.warning(request, f"Some were left alone. {reason}")

    def carry_one(self, link: Followed) -> str:
        """What the button does. Raises ValueError when nothing travels."""
        if reason := why_nothing_follows(link):
            raise ValueError(f"nothing travels now. {reason}")
        compare_anew(link)
        return QUEUED


@admin.register(ProductLink)
class ProductLinkAdmin(FollowPage):
    """Products, by title."""

    intro = (
        "Products of sources and what follows them in the destinations. A link is by id: it stays, whatever is renamed "
        "later. A conflict waits for you and says what to do; everything else goes on."
    )
    empty_title = "No products follow yet"
    empty_text = "Open a connection, set up product sync and start it."
    empty_link = ("Go to product sync", "stores_cataloguesettings_changelist")
    operate_permission = CHANGE_PRODUCT
    list_display = ["shown_title", "shown_state", "shown_reason", "connection", "shown_synced", "shown_arrows"]
    list_filter = [
        ProductAttentionFilter,
        ("state", ChoicesDropdownFilter),
        ("departure", ChoicesDropdownFilter),
        ConnectionFilter,
        ("is_created", BooleanRadioFilter),
    ]
    actions = ["sync_selected"]
    operations = ("sync_now", "compare", "variant_links", "keep", "leave_out", "take_back")
    fieldsets = [
        ("Product", {"fields": ["title", "handle", "about", "source_gid", "destination_gid"]}),
        ("How it went", {"fields": ["shown_synced", "shown_retry", "is_created", "created_at", "changed_at"]}),
        ("No longer follows", {"fields": ["departure", "unlink_done", "unlinked_at", "excluded_by"]}),
    ]

    @display(description="Tried again by itself", ordering="retry_at")
    def shown_retry(self, link: ProductLink) -> str:
        return markup.ago(link.retry_at, markup.NOTHING)

    @operation(
        "Sync now",
        "Reads the product in both stores and brings the destination up to date, also after a conflict or a failure. "
        "Nothing is ever created twice.",
        permission=CHANGE_PRODUCT,
        tone="primary",
    )
    def sync_now(self, request: HttpRequest, link: ProductLink) -> str:
        return self.carry_one(link)

    @operation(
        "Compare",
        "Reads both stores live and shows every field that differs, side by side. Writes nothing.",
        permission="stores.view_productlink",
        is_page=True,
    )
    def compare(self, request: HttpRequest, link: ProductLink) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"Compare: {link.title or link.source_gid}",
            "link": link,
            "back": reverse("admin:stores_productlink_change", args=[link.pk]),
            "sync": self.do_url(link, "sync_now") if request.user.has_perm(CHANGE_PRODUCT) else "",
        }
        try:
            context |= compared(link)
        except (*REFUSALS, NoRate) as error:
            context["problem"] = refusal_words(error)
        return TemplateResponse(request, "admin/stores/followlink/compare.html", context)

    @operation(
        "Matching of its variants",
        "Shows which variant of the destination stands for which: where a conflict of partners is resolved.",
        permission="stores.view_variantlink",
        is_page=True,
    )
    def variant_links(self, request: HttpRequest, link: ProductLink) -> HttpResponse:
        words = link.handle or link.title
        return HttpResponseRedirect(markup.list_url(VariantLink, connection=link.connection_id, q=words))

    @operation(
        "Keep as it is",
        "It was left in the destination for another product or source. It stays there as it is, also once nothing else "
        "has it: whoever looks after the store looks after it from now on.",
        permission=CHANGE_RULES,
        offered=is_spared,
    )
    def keep(self, request: HttpRequest, link: ProductLink) -> str:
        if not spared.keep(link, request.user.get_username()):
            raise ValueError("something was done about it meanwhile. Its page says what.")
        return "It stays as it is."

    @operation(
        "Leave out",
        what_leaving_out_does,
        permission=CHANGE_RULES,
        tone="danger",
        offered=lambda link: not link.excluded_by,
    )
    def leave_out(self, request: HttpRequest, link: ProductLink) -> str | HttpResponse:
        which = ends.of_products(link.connection, [link.source_gid])
        context = self.admin_site.each_context(request) | {
            "title": f"Leave out: {link.title}",
            "heading": "What is on sale",
            "back": reverse("admin:stores_productlink_change", args=[link.pk]),
        }
        must_leave = ends.must_leave(link.connection)
        if (question := ending.ask(request, context, which, must_leave=must_leave, button="Leave out")) is not None:
            return question
        selecting.exclude(link, request.user.get_username())
        participation.follow(link.connection, [link.source_gid])
        ending.carry_out(request, which)
        enqueue.sync_product(link.connection, link.source_gid, due_in=0)
        return f"Left out, with its stock. {why_nothing_follows(link) or 'It is let go of within seconds.'}"

    @operation(
        "Take back",
        lambda link: (
            f"Left out by {link.excluded_by}. It follows again, with its stock, if it is shared and selected; "
            "what was unpublished appears where it was."
        ),
        permission=CHANGE_RULES,
        tone="primary",
        offered=lambda link: bool(link.excluded_by),
    )
    def take_back(self, request: HttpRequest, link: ProductLink) -> str:
        selecting.include_again(link)
        participation.follow(link.connection, [link.source_gid])
        enqueue.sync_product(link.connection, link.source_gid, due_in=0)
        return f"Taken back. {why_nothing_follows(link) or QUEUED}"

    @action(description="Sync now: compare and sync the selected products", permissions=["operate"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[ProductLink]) -> None:
        self.carry_selected(request, queryset)


def compared(link: ProductLink) -> dict[str, Any]:
    """What would be done about a product now, read live. Raises ValueError, NoRate, ShopifyError."""
    connection = link.connection
    if not CatalogueSettings.objects.filter(connection=connection).exists():
        raise ValueError("Product sync is not set up for this connection.")
    source = open_for_person(connection.source)
    record = product_records.read_whole_product(source, link.source_gid)
    if record is None:
        raise ValueError("The source does not have this product any more.")
    if reason := unlinking_of(choosing(connection, source), record)[1]:
        raise ValueError(reason)
    follower = ProductFollower(
        connection, open_for_person, is_preview=True, skips_unchanged=False, match=product_matching.match_product
    )
    outcome = next(iter(follower.follow([record])), None)
    if outcome is None:
        raise ValueError("A worker has this product in hand: try again in a moment.")
    return {
        "action": CatalogueRunItem.Action(outcome.action).label,
        "reason": outcome.reason,
        "rows": difference_rows(outcome.differences, is_preview=True),
    }


@admin.register(ResourceLink)
class ResourceLinkAdmin(FollowPage):
    """Collections, pages, blogs and articles, by title."""

    intro = "Collections, pages, blogs and articles of sources, and what follows them in the destinations."
    empty_title = "No collections or content follow yet"
    empty_text = "They are switched on one by one on the page of a product sync."
    empty_link = ("Go to product sync", "stores_cataloguesettings_changelist")
    operate_permission = CHANGE_RESOURCE
    list_display = ["shown_title", "kind", "shown_state", "shown_reason", "connection", "shown_synced", "shown_arrows"]
    list_filter = [
        AttentionFilter,
        ("kind", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ConnectionFilter,
        ("is_created", BooleanRadioFilter),
    ]
    actions = ["sync_selected"]
    operations = ("sync_now",)
    fieldsets = [
        ("Thing", {"fields": ["kind", "title", "handle", "about", "source_gid", "destination_gid", "parent_gid"]}),
        ("How it went", {"fields": ["shown_synced", "is_created", "created_at", "changed_at", "unlinked_at"]}),
    ]

    @operation(
        "Sync now",
        "Reads it in both stores and brings the destination up to date, also after a conflict or a failure.",
        permission=CHANGE_RESOURCE,
        tone="primary",
    )
    def sync_now(self, request: HttpRequest, link: ResourceLink) -> str:
        return self.carry_one(link)

    @action(description="Sync now: compare and sync the selected ones", permissions=["operate"])
    def sync_selected(self, request: HttpRequest, queryset: QuerySet[ResourceLink]) -> None:
        self.carry_selected(request, queryset)
