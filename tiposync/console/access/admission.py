"""Who is in: decided here alone, from the session and from the devices that its user has at this moment."""

import enum

import django_otp
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tiposync.console.models import SecurityKey
from tiposync.console.place import CONSOLE

WAYS_IN = (f"/{CONSOLE}two-factor/", f"/{CONSOLE}login/", f"/{CONSOLE}logout/")


class Admission(enum.Enum):
    """How somebody who has a session stands."""

    IN = "in"
    OUT = "out"  # the session is not worth anything any more
    TO_SET_UP = "to set up"  # sees nothing but the page that sets a second factor up


def is_set_up(user: User) -> bool:
    """Whether the user signs in with an authenticator or a security key. Recovery codes alone are neither."""
    return _has_any(user, TOTPDevice, SecurityKey)


def has_device(user: User) -> bool:
    """Whether the sign-in asks the user for more than the password: recovery codes that were left over count, too."""
    return _has_any(user, TOTPDevice, SecurityKey, StaticDevice)


def _has_any(user: User, *kinds: type[Device]) -> bool:
    first, *others = (kind.objects.filter(user=user, confirmed=True).values("pk") for kind in kinds)
    return first.union(*others, all=True).exists()


def of(request: HttpRequest) -> Admission:
    """How the user of this request stands. In doubt: out.

    A session that was proved by a device ends with the device: when two-factor sign-in is turned off, set up anew or
    reset, and when the recovery codes that opened it are replaced. One that was proved by nothing ends when its user
    gets a device.
    """
    user, proof = request.user, request.session.get(django_otp.DEVICE_ID_SESSION_KEY)
    if not isinstance(user, User):
        return Admission.OUT
    asked = (user.pk, proof)
    known = getattr(request, "known_admission", None)  # a page asks several times, the database once
    if known is None or known[0] != asked:
        known = asked, _decide(user, proof)
        request.known_admission = known  # type: ignore[attr-defined]
    return known[1]


def _decide(user: User, proof: str | None) -> Admission:
    if proof:
        device = Device.from_persistent_id(str(proof))
        is_valid = device is not None and device.confirmed and device.user_id == user.pk
        return Admission.IN if is_valid else Admission.OUT
    if is_set_up(user):
        return Admission.OUT
    return Admission.TO_SET_UP if settings.TWO_FACTOR == "required" else Admission.IN


def may_pass(request: HttpRequest) -> bool:
    """What Django's admin asks before it shows any of its pages, by whichever address they are reached."""
    user = request.user
    if not (user.is_active and user.is_staff):
        return False
    found = of(request)
    return found is Admission.IN or (found is Admission.TO_SET_UP and is_way_in(request))


def is_way_in(request: HttpRequest) -> bool:
    """Whether somebody who has to set a second factor up may see this page: all of them show nothing of ours."""
    return request.path_info in WAYS_IN


# On the site that is there: unfold would import this while it makes the very site that our pages register with.
admin.site.has_permission = may_pass  # type: ignore[method-assign]
