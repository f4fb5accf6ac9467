"""Taking a run back at the console and on the command line: what it would do first, then the button."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from stores.models import Connection
from syncing.models import SyncJob
from tests.support.console.press import look_at, page_of, press
from tests.syncing.stock.test_undo import levels_of, reconcile_a_change


def address(row, name):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_do", args=[row.pk, name])


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_an_operator_looks_at_what_taking_back_would_do_and_presses_it(pair, admin_client):
    world = pair()
    run = reconcile_a_change(world)
    world.places[1].buy(0, 2)
    world.follow()
    assert address(run, "preview_undo") in look_at(admin_client, page_of(run))
    page = look_at(admin_client, address(run, "preview_undo"))
    assert re.search(r"20 30 30 20 .?10", words_of(page)), words_of(page)
    assert "It has changed since: the run left 30 there." in page
    assert "Queued" in press(admin_client, address(run, "preview_undo"), "Take it back")
    world.work()
    assert levels_of(world, 1) == [30, 20]


def test_a_first_alignment_is_taken_back_from_the_page_of_its_connection(world, admin_client):
    source, north = world.add_store("source", "source"), world.add_store("north", "destination", stock=5)
    connection = world.connect(source, north, "two_way")
    assert "Undo initial sync" not in look_at(admin_client, page_of(connection))
    world.work()
    assert "Undo initial sync" in look_at(admin_client, page_of(connection))
    assert "Queued" in press(admin_client, address(connection, "preview_undo"), "Take it back")
    world.work()
    assert levels_of(world) == [20, 5]


def test_while_the_connection_is_paused_the_page_says_so_and_has_no_button(pair, admin_client):
    world = pair()
    run = reconcile_a_change(world)
    Connection.objects.update(is_paused=True)
    page = look_at(admin_client, address(run, "preview_undo"))
    assert "Nothing can be taken back now. The connection is paused." in page
    assert "Take it back</button>" not in page


def test_who_may_not_take_runs_back_sees_no_button_and_is_refused(pair, client, django_user_model):
    world = pair()
    run = reconcile_a_change(world)
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_reconciliation"))
    client.force_login(viewer)
    assert "Undo …" not in look_at(client, page_of(run))
    assert client.get(address(run, "preview_undo")).status_code == 403
    assert client.post(address(run, "take_back")).status_code == 403
    assert not SyncJob.objects.filter(kind="undo_run").exists()


def test_the_command_shows_queues_and_refuses(pair, capsys):
    world = pair()
    run = reconcile_a_change(world)
    call_command("undo", reconciliation=run.pk, preview=True)
    assert "Levels that would be taken back: 2; left alone: 0." in capsys.readouterr().out
    call_command("undo", reconciliation=run.pk)
    world.work()
    assert levels_of(world) == [30, 20]
    with pytest.raises(CommandError, match="no reconciliation 999"):
        call_command("undo", reconciliation=999)
    Connection.objects.update(is_paused=True)
    with pytest.raises(CommandError, match=r"nothing is taken back\. The connection is paused"):
        call_command("undo", alignment=str(world.connections[0].pk))
