"""After one match the next: the undecided one that follows in the list from which the page was opened."""

import copy
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from stores.linking import suggestions
from stores.models import VariantLink
from tiposync.console.kit.paginator import count_to
from tiposync.console.kit.views import LARGEST_COUNT, count_words

FILTERS = "_changelist_filters"


def find(page: Any, request: HttpRequest, link: VariantLink) -> dict[str, Any] | None:
    """The next one and how many are left, as the page draws them; None where all of the list is decided."""
    filters = request.GET.get(FILTERS, "")
    asked = copy.copy(request)
    asked.GET = QueryDict(filters)
    try:
        rows = page.get_changelist_instance(asked).get_queryset(asked)
    except IncorrectLookupParameters:  # whoever wrote this address, the list cannot be filtered so
        return None
    rows = rows.filter(state__in=suggestions.OPEN).exclude(pk=link.pk)
    following = rows.filter(_after(link)).first() if "o=" not in filters else None
    found = following or rows.first()
    if found is None:
        return None
    address = reverse("admin:stores_variantlink_change", args=[found.pk])
    query = QueryDict(mutable=True)
    query[FILTERS] = filters
    return {
        "url": f"{address}?{query.urlencode()}" if filters else address,
        "variant": found.source_variant,
        "left": count_words(count_to(rows, LARGEST_COUNT + 1)),
    }


def _after(link: VariantLink) -> Q:
    """What follows in the order of the list: by product, by variant, by number."""
    own, product, title = link.source_variant, "source_variant__product_title", "source_variant__title"
    same = Q(**{product: own.product_title})
    later = Q(**{f"{product}__gt": own.product_title}) | same & Q(**{f"{title}__gt": own.title})
    follows = later | same & Q(**{title: own.title}) & Q(pk__gt=link.pk)
    return Q(**{f"{product}__gte": own.product_title}) & follows  # an index begins there, at none of the others
