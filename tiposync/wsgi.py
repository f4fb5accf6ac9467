"""The WSGI application that gunicorn serves."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from tiposync import checks
from tiposync.deadline import TimedBody

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tiposync.settings")
os.environ.setdefault("PGAPPNAME", "tiposync web")  # what PostgreSQL shows beside our connections
os.environ.setdefault("PROGRAM_STATEMENT_SECONDS", "15")  # less than gunicorn's patience; somebody waits for the page
django = get_wsgi_application()
checks.refuse_known_keys()
# Whoever sends a part of a body, or reads a part of an answer, and then nothing for so many seconds, is cut off: a
# thread would wait for them for ever, and there are few.
SILENT_SECONDS = 20


def application(environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
    """Django, on a connection that may not stay silent, and whose body has an end."""
    if connection := environ.get("gunicorn.socket"):
        connection.settimeout(SILENT_SECONDS)
        environ["wsgi.input"] = TimedBody(environ["wsgi.input"], connection, settings.BODY_SECONDS)
    return django(environ, start_response)
