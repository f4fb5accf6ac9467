"""The menu's search: unfold's, which breaks where a page is asked for that there is none of."""

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse


def answer(request: HttpRequest) -> HttpResponse:
    """What was found of the console's pages."""
    try:
        return admin.site.search(request)  # type: ignore[attr-defined]
    except InvalidPage as error:
        raise Http404(str(error)) from error
