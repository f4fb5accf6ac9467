"""An operator at the console: finds a button on a page and presses it, with what the page's form holds."""

import json
import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone


@dataclass
class Form:
    """A form as the page has it: where it goes, what it sends, the words on its buttons."""

    action: str
    method: str
    inputs: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside = self._button = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action") or "", (given.get("method") or "get").lower()))
            self._inside = True
        elif tag == "input" and self._inside and given.get("name"):
            if given.get("type") == "radio" and "checked" not in given:
                return
            self.forms[-1].inputs[given["name"]] = given.get("value") or ""
        elif tag == "button" and self._inside:
            self.forms[-1].buttons.append("")
            self._button = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        self._button = self._button and tag != "button"

    def handle_data(self, data: str) -> None:
        if self._button:
            self.forms[-1].buttons[-1] = (self.forms[-1].buttons[-1] + data).strip()


def forms_with(page: str, label: str) -> list[Form]:
    """The forms of a page whose button says `label`."""
    parser = _Forms()
    parser.feed(page)
    return [form for form in parser.forms if label in form.buttons]


def look_at(client: Client, url: str) -> str:
    """The page at `url`, which must be there."""
    response = client.get(url)
    assert response.status_code == 200, f"{url} answered {response.status_code}"
    return response.content.decode()


def press(client: Client, url: str, label: str, number: int = 0, **entered: str) -> str:
    """Press the button `label` of the page at `url`, with what was `entered` before; the page that follows."""
    found = forms_with(look_at(client, url), label)
    assert found, f"no button “{label}” on {url}"
    form = found[number]
    assert form.method == "post", f"“{label}” must not happen by following a link"
    assert entered.keys() <= form.inputs.keys() | {"until"}, "the form asks for something else"
    response = client.post(form.action, form.inputs | entered, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def follow(client: Client, url: str, label: str) -> str:
    """The address that the link `label` on the page at `url` leads to."""
    found = re.search(rf'href="([^"]*)"[^>]*>{re.escape(label)}</a>', look_at(client, url))
    assert found, f"no link “{label}” on {url}"
    return unescape(found[1])


def pause(client: Client, row, **entered: str) -> str:
    """Pause a store or a connection from its page; the page that follows."""
    return press(client, follow(client, page_of(row), "Pause …"), "Pause", **entered)


def act(client: Client, model: str, action: str, rows: list, query: str = "") -> str:
    """Choose rows of a list page and an action that the page offers, and run it; the page that follows."""
    url = list_of(model) + query
    assert f'<option value="{action}"' in look_at(client, url), f"{url} does not offer {action}"
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    response = client.post(url, data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def page_of(row, page: str = "change") -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def list_of(model: str) -> str:
    """The address of a list page, of "app_model"."""
    return reverse(f"admin:{model}_changelist")


def answer_levels(quantities: dict[str, int], shopify: responses.RequestsMock = responses.mock) -> None:
    """Have Shopify answer every read of levels: inventory item to available, active and tracked, as of now."""

    def answer(request) -> tuple:
        asked = json.loads(request.body)["variables"]["ids"]
        nodes = [
            {
                "id": gid,
                "tracked": True,
                "inventoryLevel": {
                    "isActive": True,
                    "updatedAt": timezone.now().isoformat(),
                    "quantities": [{"name": "available", "quantity": quantities[gid]}],
                },
            }
            for gid in asked
        ]
        return 200, {"X-Shopify-API-Version": "2026-10"}, json.dumps({"data": {"nodes": nodes}})

    shopify.add_callback(responses.POST, re.compile(r"http://127\.0\.0\.1:9/.*graphql\.json"), answer)
