"""Security keys (WebAuthn): what a browser is asked for, and whether what it answers proves anything.

A key signs a challenge together with the address of the page. A challenge belongs to one session, one user and one
purpose, for some minutes, and is used up by the first answer, whether that fits or not.
"""

import ipaddress
import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, generate_challenge, options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tiposync.console.access import sign_in_log
from tiposync.console.models import LONGEST_NAME_CHARACTERS, SecurityKey

TO_REGISTER, TO_PROVE = "register", "prove"
CHALLENGE_SECONDS = 5 * 60
MOST_KEYS = 10  # of one user
MOST_ANSWER_CHARACTERS = 20_000
# The password comes first, so that touching the key is enough: no PIN of it is asked for.
VERIFICATION = UserVerificationRequirement.DISCOURAGED
TRANSPORTS = {each.value for each in AuthenticatorTransport}


def place() -> tuple[str, str] | None:
    """The host that keys are bound to, and the origin of our pages, both by PUBLIC_URL; None where browsers refuse.

    They want https and a name; `localhost` does without https.
    """
    url = urlsplit(settings.PUBLIC_URL)
    host = (url.hostname or "").rstrip(".")
    if not host or _is_number(host) or (url.scheme != "https" and host != "localhost"):
        return None
    is_usual = url.port in (None, 443 if url.scheme == "https" else 80)
    return host, f"{url.scheme}://{host}" + ("" if is_usual else f":{url.port}")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def of(user: User) -> QuerySet[SecurityKey]:
    """The user's keys, in the order in which they were registered."""
    return SecurityKey.objects.filter(user=user, confirmed=True).order_by("pk")


def can_prove(user: User) -> bool:
    """Whether the user has a key that a browser would use at our address."""
    return place() is not None and of(user).exists()


def _challenge(request: HttpRequest, purpose: str, user: User) -> bytes:
    """The challenge of this session for this user: the same until it is used up, so that two tabs do not quarrel."""
    known = request.session.get(_name(purpose)) or {}
    if known.get("user") != user.pk or known.get("until", 0) < time.time() + CHALLENGE_SECONDS / 2:
        until = time.time() + CHALLENGE_SECONDS
        known = {"user": user.pk, "until": until, "value": bytes_to_base64url(generate_challenge())}
        request.session[_name(purpose)] = known
    return base64url_to_bytes(known["value"])


def _name(purpose: str) -> str:
    return f"security_key_to_{purpose}"


def _use_up(session: SessionBase, purpose: str, user: User) -> bytes | None:
    """The challenge that waits for an answer, which is the last one that it gets."""
    known = session.pop(_name(purpose), None) or {}
    if known.get("user") != user.pk or known.get("until", 0) < time.time():
        return None
    return base64url_to_bytes(known["value"])


def options_to_register(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser is asked for to make a new key; {} where it would refuse, or the user has many."""
    where = place()
    if where is None or of(user).count() >= MOST_KEYS:
        return {}
    options = generate_registration_options(
        rp_id=where[0],
        rp_name="tiposync",
        user_name=user.get_username(),
        user_id=salted_hmac(__name__, str(user.pk), algorithm="sha256").digest(),  # no key says whose it is
        challenge=_challenge(request, TO_REGISTER, user),
        timeout=CHALLENGE_SECONDS * 1000,
        exclude_credentials=_descriptors(user),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=VERIFICATION
        ),
    )
    return options_to_json_dict(options)


def options_to_prove(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser is asked for to prove one of the user's keys; {} where there is none."""
    where = place()
    if where is None or not (keys := _descriptors(user)):
        return {}
    options = generate_authentication_options(
        rp_id=where[0],
        challenge=_challenge(request, TO_PROVE, user),
        timeout=CHALLENGE_SECONDS * 1000,
        allow_credentials=keys,
        user_verification=VERIFICATION,
    )
    return options_to_json_dict(options)


def _descriptors(user: User) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(key.credential_id),
            transports=[AuthenticatorTransport(each) for each in key.transports],
        )
        for key in of(user)
    ]


def registered(request: HttpRequest, user: User, answer: str, name: str) -> SecurityKey | None:
    """The key that the browser's answer proves to be new and to have signed our challenge; it is not stored yet."""
    challenge, where, parsed = _use_up(request.session, TO_REGISTER, user), place(), _parsed(answer)
    if challenge is None or where is None or not parsed:
        return None
    try:
        found = verify_registration_response(
            credential=parsed, expected_challenge=challenge, expected_rp_id=where[0], expected_origin=where[1]
        )
    except Exception as error:  # whatever the library makes of bytes that anybody may have written
        _note_unfitting(request, user, error)
        return None
    said = parsed["response"].get("transports")
    return SecurityKey(
        user=user,
        name=sign_in_log.shown(name.strip())[:LONGEST_NAME_CHARACTERS].strip() or "Security key",
        credential_id=bytes_to_base64url(found.credential_id),
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        transports=[each for each in sorted(TRANSPORTS) if each in said] if isinstance(said, list) else [],
    )


def accepting(request: HttpRequest, user: User, answer: str) -> SecurityKey | None:
    """Which key of the user's signed the challenge of this session, by the browser's answer. It counts once."""
    challenge, where, parsed = _use_up(request.session, TO_PROVE, user), place(), _parsed(answer)
    if challenge is None or where is None or not parsed:
        return None
    with transaction.atomic():
        key = of(user).select_for_update().filter(credential_id=str(parsed.get("id"))).first()
        if key is None or key.last_challenge == bytes_to_base64url(challenge):
            return None  # two answers at once to the one challenge
        try:
            found = verify_authentication_response(
                credential=parsed,
                expected_challenge=challenge,
                expected_rp_id=where[0],
                expected_origin=where[1],
                credential_public_key=bytes(key.public_key),
                credential_current_sign_count=0,  # compared below, so that the log says what it means
            )
        except Exception as error:  # whatever the library makes of bytes that anybody may have written
            _note_unfitting(request, user, error)
            return None
        if key.sign_count and found.new_sign_count <= key.sign_count:
            what = f"gave the security key “{key.name}”, whose counter went back: there may be a copy of it"
            sign_in_log.note(request, user.get_username(), what, logging.WARNING)
            return None
        key.sign_count, key.last_challenge = found.new_sign_count, bytes_to_base64url(challenge)
        key.last_used_at = timezone.now()
        key.save(update_fields=["sign_count", "last_challenge", "last_used_at"])
    return key


def _parsed(answer: str) -> dict[str, Any]:
    """A browser's answer as it was sent; {} if it is none."""
    try:
        found = json.loads(answer) if len(answer) <= MOST_ANSWER_CHARACTERS else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("response"), dict) else {}


def _note_unfitting(request: HttpRequest, user: User, error: Exception) -> None:
    kind = type(error).__name__  # no more of it: the words of an error may quote what a stranger sent
    what = f"gave a security key that does not fit ({kind})"
    sign_in_log.note(request, user.get_username(), what, logging.WARNING)
