"""The page of a request that broke."""

from django.http import HttpRequest, HttpResponse
from django.template import loader

from stores import tracing


def server_error(request: HttpRequest) -> HttpResponse:
    """Says by which name the log knows the request, and asks neither the session nor the database for anything."""
    page = loader.get_template("500.html").render({"request_id": tracing.current().get("request")})
    return HttpResponse(page, status=500)
