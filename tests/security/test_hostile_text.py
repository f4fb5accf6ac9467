"""Hostile text in every column that somebody else fills: it shows as text on every page, in every mail and message."""

import json
import re
from html.parser import HTMLParser

import pytest
import responses
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from orders import notices
from orders.models import OrderImport, OrderImportLine
from stores.models import SyncSwitch
from stores.models.fields import EncryptedTextField
from syncing.models import AlertChannel, AlertMessage
from syncing.monitoring import channels
from tests.security import site
from tests.support.console.orders import make_line
from tests.support.console.press import page_of

pytestmark = pytest.mark.django_db(transaction=True)

# Each breaks out of something: an attribute, an element, a script block, a comment, a template; the last is an address.
HOSTILE = (
    """'"><x9-tag x9-word=x9>{{x9}}${x9}</script></textarea></title></style>--><script>x9()</script>\u202e\u2028x9""",
    """" onmouseover=x9() x-on:click=x9() x9-word="x9" '""",
    "javascript:x9()//",
)
# Columns with a form of their own, which whoever fills them has checked.
FORMED = re.compile(r"(_gid|gid|domain|currency|path|password|table|row_id|uuid|worker|digest|fingerprint|base|quote)$")
# In addresses; pages show what is searched for, and the others they only read.
NAMES = ("q", "partner", "o", "p", "_popup", "_to_field", "state__exact", "connection", "pair", "open")
SCRIPTED = re.compile(r"^(on|x-|@|:|hx-on|hx-vals|hx-vars|style$|srcdoc$)")
LINKED = ("href", "src", "action", "formaction", "hx-get", "hx-post", "data", "xlink:href")


class Findings(HTMLParser):
    """What a browser would make of hostile text: elements, attributes, code or addresses that arise from it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.is_script = False
        self.count = 0

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.is_script = tag == "script"
        names = dict(attrs)
        if tag.startswith("x9") or (tag == "script" and "src" not in names and "json" not in str(names.get("type"))):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            value = value or ""
            if "x9" in name or (SCRIPTED.match(name) and "x9" in value):
                self.found.append(f"{tag} {name}={value[:200]}")
            if name in LINKED and re.match(r"\s*(javascript|data|vbscript):", value, re.I):
                self.found.append(f"{tag} {name}={value[:200]}")

    def handle_endtag(self, tag: str) -> None:
        self.is_script = False

    def handle_data(self, data: str) -> None:
        self.count += "x9" in data
        if self.is_script and "x9" in data and "<" in data:
            self.found.append(f"script {data[:200]}")


def examine(page: str) -> Findings:
    parser = Findings()
    parser.feed(page)
    return parser


def spoil(text: str) -> None:
    """Put the text into every column of our tables, and of users' names, that has no form of its own."""
    for model in [*apps.get_models()]:
        if model._meta.app_label not in ("stores", "orders", "syncing") and model not in (User, LogEntry):
            continue
        for row in model._default_manager.all():
            fields = {field.name: _hostile(field, row, text) for field in model._meta.concrete_fields}
            fields = {name: value for name, value in fields.items() if value is not None}
            if fields:
                model._default_manager.filter(pk=row.pk).update(**fields)


def _hostile(field: models.Field, row: models.Model, text: str) -> object:
    if field.choices or FORMED.search(field.name) or isinstance(field, EncryptedTextField):
        return None
    if isinstance(field, models.JSONField):
        return _hostile_json(getattr(row, field.name), text)
    if not isinstance(field, models.CharField | models.TextField):
        return None
    cut = text if field.max_length is None else text[: field.max_length]
    return f"{row.pk}{cut}"[: field.max_length] if field.unique else cut


def _hostile_json(value: object, text: str) -> object:
    if isinstance(value, dict):
        return {key: _hostile_json(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hostile_json(inner, text) for inner in value]
    return text if isinstance(value, str) and not value.startswith("gid:") else value


@pytest.fixture
def rows():
    rows = site.make_site()
    order = rows["orders.orderimport"]
    make_line(order, state=OrderImportLine.State.LEFT_OUT, reason="No link.")
    store = rows["stores.store"]
    store.check_report = [{"name": "Scopes", "ok": False, "message": "Missing."}]
    store.status, store.status_reason, store.scopes, store.share_tags = "attention", "Missing.", ["read"], ["tag"]
    store.save()
    SyncSwitch.objects.update(is_stopped=True, reason="by somebody")
    kind = ContentType.objects.get_for_model(type(store))
    boss = User.objects.create_superuser("boss", first_name="B", last_name="B", email="b@example.com")
    LogEntry.objects.create(user=boss, content_type=kind, object_id=store.pk, action_flag=2, object_repr="Main")
    AlertMessage.objects.create(
        channel=AlertChannel.objects.get(), purpose="test", title="T", text="T", created_at=timezone.now(), error="E"
    )
    return rows


@pytest.mark.parametrize("text", HOSTILE, ids=("element", "attribute", "address"))
def test_hostile_text_is_only_text_on_every_page_that_shows_it(client, rows, text):
    spoil(text)
    client.force_login(User.objects.get(is_superuser=True))
    found, shown = {}, 0
    addresses = [address.url for address in site.addresses(rows)]
    addresses += [f"{address}?q=x9" for address in addresses if address.count("/") == 4]
    for url in addresses:
        answer = client.get(url)
        assert answer.status_code != 500, url
        if "html" in answer.headers.get("Content-Type", ""):
            findings = examine(answer.content.decode())
            shown += bool(findings.count)
            if findings.found:
                found[url] = findings.found
    assert not found
    assert shown > 60  # pages that do show it


@pytest.mark.parametrize("text", HOSTILE, ids=("element", "attribute", "address"))
def test_hostile_text_in_an_address_comes_back_as_text(client, rows, text):
    client.force_login(User.objects.get(is_superuser=True))
    for model in admin.site._registry:
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for name in NAMES if text == HOSTILE[0] else NAMES[:2]:
            answer = client.get(url, {name: text}, follow=True)
            assert answer.status_code < 500, f"{url} {name}"
            assert not examine(answer.content.decode()).found, f"{url} {name}"
    link = page_of(rows["stores.variantlink"])
    assert not examine(client.get(link, {"partner": text}).content.decode()).found
    for url in ("/admin/login/", "/admin/search/", "/admin/two-factor/", "/nowhere/"):
        assert not examine(client.get(url, {"next": text, "s": text, "q": text}).content.decode()).found, url


@pytest.mark.parametrize("text", HOSTILE, ids=("element", "attribute", "address"))
def test_hostile_text_in_a_form_comes_back_as_text(client, rows, text):
    boss = User.objects.get(is_superuser=True)
    assert not examine(client.post("/admin/login/", {"username": text, "password": "x"}).content.decode()).found
    client.force_login(boss)
    for model in admin.site._registry:
        for what, row in (("add", None), ("change", rows[f"{model._meta.app_label}.{model._meta.model_name}"])):
            url = page_of(row) if row else f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"
            names = [field.name for field in model._meta.concrete_fields if field.name not in ("id", "is_paused")]
            answer = client.post(url, dict.fromkeys(names, text), follow=True)
            assert answer.status_code < 500, f"{what} {url}"
            assert not examine(answer.content.decode()).found, f"{what} {url}"
    answer = client.post("/admin/stores/currencyrate/import/", {"text": f"date,from,to,rate\n{text},EUR,SEK,1\n"})
    assert not examine(answer.content.decode()).found


@pytest.mark.parametrize("text", HOSTILE, ids=("element", "attribute", "address"))
@pytest.mark.parametrize("state", ["failed", "confirmed"])
def test_hostile_text_is_only_text_in_a_mail(rows, text, state):
    OrderImport.objects.update(state=state, is_partial=True, copy_gid="gid://shopify/Order/7", copy_name="#1")
    spoil(text)
    order = OrderImport.objects.get()
    mail = notices.compose(order, notices.outcome_of(order), ["anna@example.com"])
    html = mail.alternatives[0].content
    assert not examine(html).found
    assert examine(html).count > 3
    assert len(mail.subject.splitlines()) == 1 and not re.search(r"[\r\n\u2028]", mail.subject)


@responses.activate
def test_hostile_text_in_a_chat_mentions_nobody_links_nowhere_and_ends_within_the_limit(settings, rows):
    settings.ALERT_PRIVATE_HOSTS = ["hooks.example.com"]
    responses.add(responses.POST, "https://hooks.example.com/x", status=200)
    channel = AlertChannel.objects.create(name="Chat", kind="webhook", url="https://hooks.example.com/x")
    text = "<!channel> <@U123> <https://evil.example|your bank> &lt;!here&gt;"
    channels.send(AlertMessage(channel=channel, title=text, text=text * 200))
    sent = json.loads(responses.calls[0].request.body)["text"]
    assert not re.search(r"[<>]", sent)
    assert "&lt;!channel&gt;" in sent and "&amp;lt;!here" in sent
    assert len(sent) <= channels.MOST_CHARACTERS
