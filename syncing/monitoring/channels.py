"""Carries a message out of the house: by e-mail, or to a webhook that understands Slack's {"text": …}."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from requests.adapters import HTTPAdapter

from stores.models.fields import LOST_KEY, Unreadable
from syncing.models import AlertChannel, AlertMessage

TIMEOUT_SECONDS = 10
MOST_CHARACTERS = 3500  # Slack cuts a text at 4,000
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 by NAT64
DUMMY = "django.core.mail.backends.dummy.EmailBackend"


class MessageNotSent(Exception):
    """A message did not get out. Its words never contain the webhook's address, which is a secret."""

    failure = "transient"


def send(message: AlertMessage) -> None:
    """Send a message once. Raises MessageNotSent."""
    channel = message.channel
    if channel.kind == AlertChannel.Kind.EMAIL:
        _send_email(channel, message)
    else:
        _send_webhook(channel, message)


def _send_email(channel: AlertChannel, message: AlertMessage) -> None:
    if settings.EMAIL_BACKEND == DUMMY:
        raise MessageNotSent("E-mail cannot be sent: EMAIL_URL is not set. See .env.example.")
    try:
        # In one line: a line break in a product's title must not begin a header of its own.
        EmailMessage(" ".join(message.title.split()), message.text, to=channel.recipients()).send()
    except ValueError as error:
        raise MessageNotSent("An e-mail address of this channel cannot be used.") from error
    except OSError as error:  # the network's, and smtplib's
        raise MessageNotSent(f"The mail server did not take it: {type(error).__name__}.") from error


def _send_webhook(channel: AlertChannel, message: AlertMessage) -> None:
    if isinstance(channel.url, Unreadable):
        raise MessageNotSent(LOST_KEY)
    host = urlsplit(channel.url).hostname or ""
    text = f"*{_plain(message.title)}*\n{_plain(message.text)}"[:MOST_CHARACTERS]
    with requests.Session() as session:
        if host not in settings.ALERT_PRIVATE_HOSTS:
            session.mount("https://", Pinned(host, _public_address(host)))
            session.headers["Host"] = urlsplit(channel.url).netloc.rpartition("@")[2]
        try:
            # The status is all we want: of the body, which may be endless, nothing is read.
            answer = session.post(
                channel.url, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            # Without the original: its words contain the address.
            raise MessageNotSent(f"{host} could not be reached: {type(error).__name__}.") from None
        answer.close()
    if answer.status_code >= 300:
        raise MessageNotSent(f"{host} answered {answer.status_code}.")


class Pinned(HTTPAdapter):
    """Connects to one address of a host: a name must not lead elsewhere after it was looked at."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(max_retries=0)
        self._host, self._address = host, address

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: str | tuple[str, str] | None = None
    ) -> tuple[Any, Any]:  # whose types only the stubs of requests name
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        names = {"assert_hostname": self._host, "server_hostname": self._host}
        return where | {"host": self._address}, how | names


def _public_address(host: str) -> str:
    """An address of the host, all of whose addresses are on the internet. Raises MessageNotSent.

    An alert must not become a request inside our network.
    """
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)]
    except (OSError, UnicodeError):
        found = []
    if not found or not all(is_public(address) for address in found):
        raise MessageNotSent(
            f"{host} is not an address on the internet. If it is yours, add it to ALERT_PRIVATE_HOSTS."
        )
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address is on the internet, also the IPv4 address that an IPv6 address stands for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    if found.version == 6:
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or [None, None])[1]
        if found in TRANSLATED:
            inner = ipaddress.ip_address(int(found) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return found.is_global and not found.is_multicast


def _plain(text: str) -> str:
    """Nothing in a product's title becomes a mention or a link in a chat."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
