"""The page of a request that broke."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template import loader

from stores import tracing
from tiposync import logs

TOO_LONG = {"57014", "55P03", "25P03"}  # PostgreSQL: a statement, waiting for a lock, or a transaction took too long
RETRY_SECONDS = 30


def server_error(request: HttpRequest) -> HttpResponse:
    """Says by which name the log knows the request, and asks neither the session nor the database for anything.

    What passes by itself is no 500: a database that is away or full, and a page that took longer than it may.
    """
    error = sys.exc_info()[1]  # Django calls this while it handles it
    name, status = "500.html", 500
    if error is not None and logs.is_database_away(error):
        is_too_long = getattr(error.__cause__, "sqlstate", None) in TOO_LONG
        name, status = "too_long.html" if is_too_long else "no_database.html", 503
    page = loader.get_template(name).render({"request_id": tracing.current().get("request")})
    answer = HttpResponse(page, status=status)
    if status != 500:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
