"""A line in the log for each sign-in, failure, lock-out, sign-out and change of a second factor: who, and from where.

Names and addresses are not hidden in these lines: they are for those who run the service. They do not go to Sentry.
"""

import logging
from typing import Any

from axes.helpers import get_client_ip_address
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

logger = logging.getLogger(__name__)
MOST_NAME_CHARACTERS = 150  # a name that is longer is nobody's


def shown(text: object) -> str:
    """What a stranger typed, on one line and not without end."""
    return "".join(each if each.isprintable() else " " for each in str(text or "")[:MOST_NAME_CHARACTERS])


def address_of(request: HttpRequest | None) -> str:
    """Where a request comes from, as lock-outs count it."""
    return shown(get_client_ip_address(request)) if request is not None else ""


def note(request: HttpRequest | None, name: object, what: str, level: int = logging.INFO) -> None:
    """Write the line: `what` follows the name, and the address follows that."""
    user, address = shown(name), address_of(request)
    logger.log(level, f"%s {what}, from %s", user, address, extra={"user": user, "address": address})


@receiver(user_logged_in)
def _signed_in(sender: object, request: HttpRequest, user: Any, **kwargs: object) -> None:
    how = "password and second factor" if hasattr(user, "otp_device") else "password"
    note(request, user.get_username(), f"signed in by {how}")


@receiver(user_logged_out)
def _signed_out(sender: object, request: HttpRequest, user: Any, **kwargs: object) -> None:
    if user is not None:
        note(request, user.get_username(), "signed out")


@receiver(user_login_failed)
def _failed(sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: object) -> None:
    note(request, credentials.get("username"), "gave a wrong name or password", logging.WARNING)


@receiver(user_locked_out)
def _locked_out(sender: object, request: HttpRequest, username: str | None, **kwargs: object) -> None:
    note(request, username, "is locked out after too many failures", logging.WARNING)
