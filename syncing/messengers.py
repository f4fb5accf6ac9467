"""Carries a message out of the house: by e-mail, or to a webhook that understands Slack's {"text": …}."""

import ipaddress
import socket
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.mail import EmailMessage

from syncing.models import AlertChannel, AlertMessage

SECONDS = 10
MOST_CHARACTERS = 3500  # Slack cuts a text at 4,000
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
        EmailMessage(message.title, message.text, to=channel.recipients()).send()
    except OSError as error:  # the network's, and smtplib's
        raise MessageNotSent(f"The mail server did not take it: {type(error).__name__}.") from error


def _send_webhook(channel: AlertChannel, message: AlertMessage) -> None:
    host = urlsplit(channel.url).hostname or ""
    if host not in settings.ALERT_PRIVATE_HOSTS and not _is_public(host):
        raise MessageNotSent(
            f"{host} is not an address on the internet. If it is yours, add it to ALERT_PRIVATE_HOSTS."
        )
    text = f"*{_plain(message.title)}*\n{_plain(message.text)}"[:MOST_CHARACTERS]
    try:
        answer = requests.post(channel.url, json={"text": text}, timeout=SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        # Without the original: its words contain the address.
        raise MessageNotSent(f"{host} could not be reached: {type(error).__name__}.") from None
    if answer.status_code >= 300:
        raise MessageNotSent(f"{host} answered {answer.status_code}.")


def _is_public(host: str) -> bool:
    """Whether all addresses of a host are on the internet: an alert must not become a request inside our network."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_global for address in found)


def _plain(text: str) -> str:
    """Nothing in a product's title becomes a mention or a link in a chat."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
