"""The rate table: rates by hand, and a file with its preview and its errors line by line."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile

from stores.models import CurrencyRate
from tests.support.console.press import forms_with, list_of, look_at

pytestmark = pytest.mark.django_db(transaction=True)

RATES = "stores_currencyrate"
IMPORT = "/admin/stores/currencyrate/import/"
GOOD = "date,from,to,rate\n2026-11-20,EUR,USD,1.08\n2026-11-21,EUR,USD,1.09\n"


def send(client, content: bytes) -> str:
    response = client.post(IMPORT, {"file": SimpleUploadedFile("rates.csv", content)}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_table_says_who_needs_it_and_how_to_fill_it(admin_client):
    page = look_at(admin_client, list_of(RATES))
    assert "Product sync whose currency" in page
    assert IMPORT in page


def test_a_rate_is_entered_by_hand_and_nonsense_is_refused(admin_client):
    form = {"base": "eur", "quote": "USD", "rate": "1.08", "valid_from": "2026-11-20"}
    admin_client.post("/admin/stores/currencyrate/add/", form)
    assert str(CurrencyRate.objects.get()) == "1 EUR = 1.08 USD from 2026-11-20"
    assert "EUR → USD" in look_at(admin_client, list_of(RATES) + "?pair=EUR-USD")
    assert "2026" not in look_at(admin_client, list_of(RATES) + "?pair=EUR-GBP").partition("<tbody")[2]
    for fields, words in (
        ({"rate": "0"}, "greater than or equal to"),
        ({"quote": "EUR"}, "no rate to itself"),
        ({"quote": "euro"}, "at most 3 characters"),
        ({}, "already exists"),
    ):
        page = admin_client.post("/admin/stores/currencyrate/add/", form | fields).content.decode()
        assert words in page, fields
    assert CurrencyRate.objects.count() == 1


def test_a_file_is_previewed_before_anything_is_taken(admin_client):
    for day, rate in ((20, "1.08"), (21, "1.07")):
        CurrencyRate.objects.create(base="EUR", quote="USD", rate=rate, valid_from=date(2026, 11, day))
    page = send(admin_client, GOOD.encode() + b"2026-11-22,EUR,GBP,0.83\n")
    for words in ("3 rates would be taken", "new", "as it is", "replaces another", "1.07"):
        assert words in page
    assert CurrencyRate.objects.count() == 2
    form = forms_with(page, "Take these rates")[0]
    answer = admin_client.post(IMPORT, form.inputs | {"text": GOOD}, follow=True)
    assert "Taken into the rate table: 2" in answer.content.decode()
    assert CurrencyRate.objects.get(valid_from=date(2026, 11, 21)).rate == Decimal("1.09")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"day,from,to,rate\n2026-11-20,EUR,USD,1\n", "there is no column “date”"),
        (GOOD.encode() + b"2026-11-22,EUR,USD,0\n", "Line 4: the rate must be above 0"),
        (GOOD.encode() + b"2026-11-22,<b>,USD,1\n", "Line 4: “&lt;B&gt;”"),
        ("date,from,to,rate\nä".encode("latin-1"), "no UTF-8 text"),
        (b"", "The file is empty"),
    ],
)
def test_a_wrong_file_is_told_by_line_and_nothing_of_it_is_taken(admin_client, content, words):
    page = send(admin_client, content)
    assert "Nothing was taken" in page
    assert words.lower() in page.lower()
    assert not CurrencyRate.objects.exists()
    assert not forms_with(page, "Take these rates")


def test_who_may_only_look_cannot_import(client):
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    assert IMPORT not in look_at(client, list_of(RATES))
    assert client.post(IMPORT, {"text": GOOD, "_save": "1"}).status_code == 403
    assert not CurrencyRate.objects.exists()
