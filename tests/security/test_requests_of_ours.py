"""Requests that we make: to no host but the store's, to no address inside our network, with a token nowhere else."""

import contextlib

import pytest
import requests
import responses
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from stores.clients import store_url
from stores.models import Store
from stores.shopify import bulk
from stores.shopify.auth import StaticToken
from stores.shopify.client import Client
from stores.shopify.errors import UnexpectedAnswer
from stores.shopify.throttle import LocalBucket
from syncing.models import AlertChannel, AlertMessage
from syncing.monitoring import channels
from tests.security import site

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "shpat_that_stays_here"
# What looks like a store's permanent name to a careless eye, or to another parser than ours.
TRICKS = (
    "evil.example",
    "evil.example/.myshopify.com",
    "evil.example#.myshopify.com",
    "evil.example?.myshopify.com",
    "evil.example\\.myshopify.com",
    "main.myshopify.com@evil.example",
    "user:pass@main.myshopify.com",
    "main.myshopify.com:8080",
    "main.myshopify.com.evil.example",
    "main.myshopify.com/admin",
    "main.myshopify.com\n",
    "main.myshopify.com\r\nHost: evil.example",
    "main.myshopify.com\x00",
    "a.b.myshopify.com",
    ".myshopify.com",
    "-.myshopify.com",
    "mаin.myshopify.com",
    "main。myshopify。com",  # dots that IDNA takes for dots
    "main.myshopify.com.",
    "127.0.0.1",
    "[::1]",
    "169.254.169.254",
    "localhost",
    "",
)
# Addresses inside somebody's network, in all their spellings, as a host name resolves to them.
INSIDE = (
    ["127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"]
    + ["255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1"]
    + ["::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "192.0.2.1", "198.18.0.1", "240.0.0.1"]
)


def resolve_to(monkeypatch, *addresses: str) -> None:
    found = [(2, 1, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: found)


# Domains of stores


@pytest.mark.parametrize("domain", TRICKS)
def test_no_row_gets_a_domain_that_is_no_permanent_name(domain):
    store = Store(domain=domain, role="source", auth="static_token", access_token=TOKEN)
    with pytest.raises(ValidationError):
        store.full_clean()
    # A command completes a bare word, and cuts what is pasted down to the name in it; PostgreSQL knows no NUL.
    if domain in ("", "localhost", "main.myshopify.com\n", "main.myshopify.com\x00"):
        return
    with contextlib.suppress(CommandError):
        call_command("add_store", domain, role="source", token=TOKEN, webhook_secret="s", no_check=True)
    assert set(Store.objects.values_list("domain", flat=True)) <= {"main.myshopify.com"}


@pytest.mark.parametrize("domain", TRICKS)
def test_the_consoles_form_takes_no_trick_for_a_domain(domain):
    form = {"domain": domain, "role": "source", "auth": "static_token", "access_token": TOKEN}
    form |= {"acceptance": "auto", "default_strategy": "one_way", "shares_collections": "all"}
    site.superuser().post("/admin/stores/store/add/", form)
    # What is pasted from an address bar is cut down to the name before it, and a bare word is completed.
    assert set(Store.objects.values_list("domain", flat=True)) <= {"main.myshopify.com", "localhost.myshopify.com"}


def test_in_production_every_store_is_asked_at_its_own_name_over_https(settings):
    settings.SHOPIFY_BASE_URL = "https://{domain}"
    assert store_url(Store(domain="main.myshopify.com")) == "https://main.myshopify.com"


# Shopify's answers


def client() -> Client:
    return Client(
        "https://main.myshopify.com", "2026-10", StaticToken(TOKEN), LocalBucket(), sleep=lambda seconds: None
    )


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_follows_no_redirect(status):
    there = "https://evil.example/admin/api/2026-10/graphql.json"
    graphql = "https://main.myshopify.com/admin/api/2026-10/graphql.json"
    responses.add(responses.POST, graphql, status=status, headers={"Location": there})
    responses.add(responses.POST, there, json={"data": {}})
    responses.add(responses.GET, there, json={"data": {}})
    with pytest.raises(UnexpectedAnswer, match=r"evil\.example"):
        client().execute("{ shop { name } }", cost=1)
    assert {call.request.url for call in responses.calls} == {graphql}


def answer_with_url(url: str, name: str = "url") -> None:
    operation = {"id": "gid://shopify/BulkOperation/1", "status": "COMPLETED", "errorCode": None, "query": "{}"}
    operation |= {"objectCount": "1", "rootObjectCount": "1", "fileSize": "9", "partialDataUrl": None, "url": None}
    operation |= {name: url}
    graphql = "https://main.myshopify.com/admin/api/2026-10/graphql.json"
    responses.add(responses.POST, graphql, json={"data": {"bulkOperation": operation}})


@responses.activate
@pytest.mark.parametrize(
    "url",
    [
        "http://storage.googleapis.com/file.jsonl",
        "https://127.0.0.1/file.jsonl",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/file.jsonl",
        "https://localhost/file.jsonl",
        "https://2130706433/file.jsonl",
        "https://0x7f.1/file.jsonl",
        "https://127.1/file.jsonl",
        "https://database:5432/file.jsonl",
        "https://storage.googleapis.com:8443/file.jsonl",
        "https://user:pass@storage.googleapis.com/file.jsonl",
        "https://storage.googleapis.com@127.0.0.1/",
        "https://main.myshopify.com@evil.example/",
        "file:///etc/passwd",
        "ftp://storage.googleapis.com/file.jsonl",
        "//storage.googleapis.com/file.jsonl",
    ],
)
@pytest.mark.parametrize("name", ["url", "partialDataUrl"])
def test_a_bulk_result_is_fetched_from_no_address_inside_and_by_nothing_but_https(url, name):
    answer_with_url(url, name)
    with pytest.raises(UnexpectedAnswer, match="none of its own"):
        bulk.poll(client(), "gid://shopify/BulkOperation/1")


@responses.activate
def test_a_bulk_result_is_fetched_without_the_token_and_follows_no_redirect():
    url = "https://storage.googleapis.com/file.jsonl?Signature=x"
    answer_with_url(url)
    assert bulk.poll(client(), "gid://shopify/BulkOperation/1").url == url
    responses.add(responses.GET, url, status=302, headers={"Location": "http://127.0.0.1/"})
    asking = client()
    with pytest.raises(UnexpectedAnswer):
        list(bulk.stream(url, asking.session))
    sent = responses.calls[-1].request
    assert sent.url == url and TOKEN not in str(sent.headers)


@responses.activate
def test_a_bulk_result_of_one_endless_line_is_given_up(monkeypatch):
    monkeypatch.setattr(bulk, "_LINE_BYTES", 1 << 18)
    responses.add(responses.GET, "https://storage.googleapis.com/file.jsonl", body=b'{"id": "' + b"x" * (1 << 20))
    with pytest.raises(UnexpectedAnswer, match="without an end"):
        list(bulk.stream("https://storage.googleapis.com/file.jsonl"))


# Alerts


def message(url: str) -> AlertMessage:
    channel = AlertChannel.objects.create(name="Chat", kind="webhook", url=url)
    return AlertMessage(channel=channel, title="T", text="T")


@pytest.mark.parametrize("address", INSIDE)
def test_an_alert_goes_to_no_host_that_leads_inside(monkeypatch, address):
    resolve_to(monkeypatch, "93.184.215.14", address)
    with responses.RequestsMock(), pytest.raises(channels.MessageNotSent, match="ALERT_PRIVATE_HOSTS"):
        channels.send(message("https://hooks.example.com/x"))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_an_address_on_the_internet_is_one(address):
    assert channels.is_public(address)


@responses.activate
def test_an_alert_is_sent_to_the_very_address_that_was_looked_at(monkeypatch):
    """A second look-up of the name might lead elsewhere: the connection is made without one."""
    resolve_to(monkeypatch, "93.184.215.14")
    responses.add(responses.POST, "https://hooks.example.com/x", status=200)
    channels.send(message("https://hooks.example.com/x"))
    sent = responses.calls[0].request
    assert sent.headers["Host"] == "hooks.example.com"
    adapter = channels.Pinned("hooks.example.com", "93.184.215.14")
    where, how = adapter.build_connection_pool_key_attributes(sent, verify=True)
    assert (where["scheme"], where["host"]) == ("https", "93.184.215.14")
    assert how["cert_reqs"] == "CERT_REQUIRED"
    assert how["assert_hostname"] == how["server_hostname"] == "hooks.example.com"
    pool = adapter.get_connection_with_tls_context(sent, verify=True)
    assert (pool.host, pool.conn_kw["server_hostname"]) == ("93.184.215.14", "hooks.example.com")


@responses.activate
def test_an_alert_follows_no_redirect_and_reads_no_answer(monkeypatch):
    resolve_to(monkeypatch, "93.184.215.14")
    responses.add(responses.POST, "https://hooks.example.com/x", status=302, headers={"Location": "http://10.0.0.1/"})
    with pytest.raises(channels.MessageNotSent, match="302"):
        channels.send(message("https://hooks.example.com/x"))
    assert len(responses.calls) == 1
    assert responses.calls[0].request.req_kwargs["stream"]


def test_a_host_without_a_name_service_entry_is_told_without_the_secret_address(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no such host")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(channels.MessageNotSent) as told:
        channels.send(message("https://hooks.example.com/very-secret"))
    assert "very-secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/x", "file:///etc/passwd", "gopher://x", "javascript:x", "HTTPS:/x"]
)
def test_a_channel_takes_no_address_but_https(url):
    with pytest.raises(ValidationError):
        AlertChannel(name="Chat", kind="webhook", url=url).clean()


def test_nothing_of_ours_turns_certificate_checks_off():
    assert requests.Session().verify is True and client().session.verify is True
