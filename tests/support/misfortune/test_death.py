"""A worker that dies before one of its effects has done those before it, and never says another word."""

from contextlib import suppress

import pytest
import requests
import responses
from django.core.mail import send_mail
from django.db import transaction

from stores.models import Store
from tests.support.misfortune.death import Countdown, Killed

SHOPIFY = "https://north.test/graphql.json"


@pytest.fixture
def heard(transactional_db, mailoutbox):
    """What the world knows of the worker."""

    def tell() -> list[object]:
        asked = [call.request.body for call in responses.calls if "query {" not in str(call.request.body)]
        return [*Store.objects.values_list("name", flat=True), *asked, *(mail.subject for mail in mailoutbox)]

    with responses.mock:
        responses.post(SHOPIFY, json={})
        responses.put(SHOPIFY)
        yield tell


def work() -> None:
    store = Store.objects.create(domain="north.test", name="made", client_id="id", client_secret="secret")
    with transaction.atomic():
        Store.objects.update(name="half changed")
        Store.objects.update(name="changed")
    with transaction.atomic():
        store = Store.objects.select_for_update().get()
    requests.post(SHOPIFY, json={"query": "query { shop { name } }"})
    requests.post(SHOPIFY, json={"query": "mutation { stop }"})
    requests.put(SHOPIFY, data=b"a file")
    send_mail(f"of {store.name}", "", None, ["ada@example.com"])


DONE = [[], ["made"], ["changed"], ["changed", b'{"query": "mutation { stop }"}']]
DONE += [[*DONE[3], b"a file"], [*DONE[3], b"a file", "of changed"]]


@pytest.mark.parametrize("effect", range(1, 7))
def test_what_came_before_it_was_done_and_nothing_else(heard, effect):
    death = Countdown(effect)
    with suppress(Killed), death.watch():
        work()
    assert (death.is_over, death.seen) == (effect < 6, min(effect - 1, 5))
    assert heard() == DONE[effect - 1]


def test_the_dead_say_nothing_even_where_they_tidy_up(heard):
    death = Countdown(10)
    last_words = [
        lambda: Store.objects.count(),
        lambda: requests.get(SHOPIFY),
        lambda: requests.put(SHOPIFY),
        lambda: send_mail("late", "", None, ["ada@example.com"]),
    ]
    with death.watch():
        death.now()
        for say in last_words:
            with pytest.raises(Killed):
                say()
    assert heard() == []
