"""The pages of jobs and webhook events: what happened, and doing it again."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from stores.models import ProductLink, Store
from syncing.models import SyncJob, WebhookEvent
from tests.support.console.orders import make_import
from tests.support.console.press import act, forms_with, list_of, look_at, page_of, press
from tests.support.console.rows import make_event, make_job, make_rows

pytestmark = pytest.mark.django_db(transaction=True)

JOBS, EVENTS = "syncing_syncjob", "syncing_webhookevent"
State = SyncJob.State


@pytest.fixture
def rows():
    return make_rows()


def test_without_jobs_the_list_says_when_they_appear(admin_client):
    assert "Jobs appear when" in look_at(admin_client, list_of(JOBS))


def test_a_failed_job_shows_its_reason_and_folds_its_traceback_away(admin_client, rows):
    job = make_job(rows.connection, failure="bug", message="Oh <b>no</b>", traceback="File <stdin>, line 1")
    page = look_at(admin_client, page_of(job))
    assert "Oh &lt;b&gt;no&lt;/b&gt;" in page
    main = page[page.index('id="main"') :]
    folded = main[main.index("<details") : main.index("</details>")]
    assert "File &lt;stdin&gt;, line 1" in folded
    assert "A bug: see the traceback" in page


def test_what_failed_at_first_and_was_done_later_is_not_shown_as_a_failure(admin_client, rows):
    make_job(rows.connection, state="succeeded", failure="rejected", message="Done later.")
    page = look_at(admin_client, list_of(JOBS))
    assert "Done later." in page
    assert "console-bad" not in page


def test_jobs_are_filtered_by_state_kind_failure_and_connection(admin_client, rows):
    make_job(rows.connection, message="alpha row")
    make_job(None, kind="check_store", state="succeeded", failure="", message="beta row")
    for query, expected in (
        ("state__exact=failed", [True, False]),
        ("kind__exact=check_store", [False, True]),
        ("failure__exact=rejected", [True, False]),
        (f"connection={rows.connection.pk}", [True, False]),
        ("q=beta", [False, True]),
    ):
        page = look_at(admin_client, f"{list_of(JOBS)}?{query}")
        assert [word in page for word in ("alpha row", "beta row")] == expected, query


def test_failures_are_counted_by_reason_and_a_whole_class_is_run_again(admin_client, rows):
    for number in (1, 2):
        make_job(rows.connection, subject=f"product {number}", kind="sync_product")
    other = make_job(rows.connection, failure="bug")
    page = look_at(admin_client, list_of(JOBS))
    assert "Failed, by reason" in page and "?state__exact=failed&amp;failure__exact=rejected" in page
    forms = {form.inputs["failure"]: form for form in forms_with(page, "Run all again")}
    assert set(forms) == {"rejected", "bug"}
    form = forms["rejected"]
    assert "Queued again: 2." in admin_client.post(form.action, form.inputs, follow=True).content.decode()
    queued = SyncJob.objects.filter(state=State.QUEUED)
    assert sorted(queued.values_list("subject", flat=True)) == ["product 1", "product 2"]
    assert not queued.filter(kind=other.kind).exists()
    assert admin_client.get(form.action).status_code == 405


def test_running_a_class_again_needs_the_permission(rows):
    make_job(rows.connection)
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_syncjob"))
    viewer = Client()
    viewer.force_login(user)
    assert not forms_with(look_at(viewer, list_of(JOBS)), "Run all again")
    assert viewer.post("/admin/syncing/syncjob/run-again/", {"failure": "rejected"}).status_code == 403
    assert not SyncJob.objects.filter(state=State.QUEUED).exists()


def test_a_job_leads_to_what_it_is_about(admin_client, rows):
    order = make_import(rows.connection)
    product = ProductLink.objects.create(connection=rows.connection, source_gid="gid://shopify/Product/1")
    for row, arguments in ((order, {"order_gid": order.order_gid}), (product, {"product_gid": product.source_gid})):
        job = make_job(rows.connection, subject=str(arguments), arguments=arguments)
        page = look_at(admin_client, page_of(job))
        assert page_of(row) in page and page_of(rows.connection) in page


def test_a_job_is_run_again(admin_client, rows):
    job = make_job(rows.connection, arguments={"trigger": "schedule"})
    page = press(admin_client, page_of(job), "Run again")
    assert "Queued again" in page
    queued = SyncJob.objects.get(state=State.QUEUED)
    assert (queued.kind, queued.connection, queued.arguments) == (job.kind, rows.connection, job.arguments)


@pytest.mark.parametrize("way", ["its page", "the list", "its class"])
def test_the_store_that_refused_the_work_is_checked_as_well(admin_client, rows, way):
    Store.objects.filter(pk=rows.destination.pk).update(status=Store.Status.ATTENTION)
    job = make_job(rows.connection)
    if way == "its page":
        page = press(admin_client, page_of(job), "Run again")
    elif way == "the list":
        page = act(admin_client, JOBS, "run_selected_again", [job])
    else:
        (form,) = forms_with(look_at(admin_client, list_of(JOBS)), "Run all again")
        page = admin_client.post(form.action, form.inputs, follow=True).content.decode()
    assert f"Checked as well, for it needs attention: “{rows.destination}”." in page
    checks = SyncJob.objects.filter(kind="check_store", state=State.QUEUED)
    assert [check.store for check in checks] == [rows.destination]


def test_a_job_that_runs_cannot_be_run_again(admin_client, rows):
    job = make_job(rows.connection, state=State.RUNNING)
    assert not forms_with(look_at(admin_client, page_of(job)), "Run again")


def test_many_jobs_are_run_again_but_not_those_that_run(admin_client, rows):
    failed = make_job(rows.connection)
    other = make_job(rows.connection, kind="match_connection")
    running = make_job(rows.connection, kind="carry_stock", state=State.RUNNING, failure="")
    page = act(admin_client, JOBS, "run_selected_again", [failed, other, running])
    assert "Queued again: 2." in page
    assert SyncJob.objects.filter(state=State.QUEUED).count() == 2


def test_without_events_the_list_says_where_to_look(admin_client):
    assert "Check store" in look_at(admin_client, list_of(EVENTS))


def test_a_body_is_shown_pretty_and_escaped(admin_client, rows):
    event = make_event(rows.source, body='{"title":"<script>x</script>","n":{"deep":1}}')
    page = look_at(admin_client, page_of(event))
    assert "&quot;title&quot;: &quot;&lt;script&gt;x&lt;/script&gt;&quot;,\n" in page
    assert "<script>x" not in page
    broken = make_event(rows.source, "broken", body="not JSON <b>")
    assert "not JSON &lt;b&gt;" in look_at(admin_client, page_of(broken))


def test_events_are_filtered_by_topic_state_and_store(admin_client, rows):
    make_event(rows.source, "a", topic="products/update", state="failed", reason="alpha row")
    make_event(rows.destination, "b", reason="beta row")
    for query, expected in (
        ("state__exact=failed", [True, False]),
        ("topic=inventory_levels/update", [False, True]),
        (f"store__id__exact={rows.destination.pk}", [False, True]),
        ("q=available", [True, True]),
        ("q=a", [True, False]),  # a webhook id
    ):
        page = look_at(admin_client, f"{list_of(EVENTS)}?{query}")
        assert [word in page for word in ("alpha row", "beta row")] == expected, query


def test_an_event_is_replayed(admin_client, rows):
    event = make_event(rows.source, state=WebhookEvent.State.FAILED, reason="No.")
    press(admin_client, page_of(event), "Replay")
    event.refresh_from_db()
    assert (event.state, event.reason) == (WebhookEvent.State.NEW, "")
    assert SyncJob.objects.get().kind == SyncJob.Kind.PROCESS_EVENTS


def test_many_events_are_replayed(admin_client, rows):
    events = [make_event(rows.source, f"d{n}") for n in range(3)]
    page = act(admin_client, EVENTS, "replay_selected", events[:2])
    assert "Waiting to be processed again: 2." in page
    assert WebhookEvent.objects.filter(state=WebhookEvent.State.NEW).count() == 2


def test_a_list_of_events_does_not_fetch_the_bodies(admin_client, rows, django_assert_max_num_queries):
    for number in range(20):
        make_event(rows.source, f"d{number}")
    with django_assert_max_num_queries(20) as queries:
        look_at(admin_client, list_of(EVENTS))
    assert not any('"syncing_webhookevent"."body"' in query["sql"] for query in queries.captured_queries)


def test_what_nobody_may_change_has_no_form(admin_client, rows):
    event, job = make_event(rows.source), make_job(rows.connection)
    for row in (event, job):
        page = look_at(admin_client, page_of(row))
        assert 'name="_save"' not in page
        assert admin_client.post(page_of(row), {"state": "done"}).status_code == 403
        assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert Store.objects.exists()
