"""Where the console is, and which requests are about it."""

from django.http import HttpRequest

CONSOLE = "admin/"


def is_of_console(request: HttpRequest) -> bool:
    """Whether a request leads to a page of the console.

    By `path_info`, from which addresses are resolved: what stands before it is the server's, where it serves us below
    a path of its own.
    """
    return request.path_info.startswith(f"/{CONSOLE}")
