"""What a catalogue's page tells besides its form: how it stands, what is under way, and where the lists are."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet
from django.urls import reverse

from stores.models import CatalogueSettings, ProductLink, ResourceLink
from syncing.catalogue.policy import NoRate, rate_of
from syncing.models import CatalogueRun
from tiposync.console.kit import markup

State = ProductLink.State
SHOWN_ANYWAY = (
    "Products are put on these sales channels whether or not they are on sale in the source. Choose under “Sales "
    "channels” that they follow it; preview it first."
)
# In this order; the tones of states that want attention.
COUNTED_STATES = ((State.LINKED, ""), (State.UNMATCHED, ""), (State.CONFLICT, "attention"), (State.FAILED, "attention"))


def summarise(settings: CatalogueSettings) -> dict[str, Any]:
    """Names for the panel's template."""
    connection = settings.connection
    known = CatalogueRun.objects.filter(connection=connection).select_related(
        "connection__source", "connection__destination"
    )
    under_way = known.filter(state__in=CatalogueRun.UNDER_WAY, is_preview=False).first()
    return {
        "alerts": _alerts(settings, known.filter(state=CatalogueRun.State.HELD)),
        "connection": markup.page_of(connection),
        "is_started": settings.started_at is not None,
        "products": _counts(connection.product_links.all(), ProductLink, connection.pk),
        "content": _counts(connection.resource_links.all(), ResourceLink, connection.pk),
        "run": _run_line(under_way or known.first()),
        "runs_url": markup.list_url(CatalogueRun, connection=connection.pk),
        "compared": markup.ago(settings.products_compared_at),
        "polled": markup.ago(settings.polled_at),
    }


def _alerts(settings: CatalogueSettings, held: Iterable[CatalogueRun]) -> list[dict[str, str]]:
    alerts = []
    if settings.started_at is None:
        alerts.append((markup.BUSY, "No product is synced before you start product sync. Preview it first."))
    elif reason := settings.why_inert():
        alerts.append((markup.WARN, reason))
    alerts += [(markup.BAD, f"A run needs review: {run.hold_reason}") for run in held]
    if settings.visibility == settings.Visibility.ALWAYS and settings.publication_gids:
        alerts.append((markup.BUSY, SHOWN_ANYWAY))
    try:
        rate_of(settings)
    except NoRate as error:
        alerts.append((markup.BAD, f"No prices can be made. {error}"))
    return [{"tone": tone, "text": text} for tone, text in alerts]


def _counts(rows: QuerySet, model: type, connection_id: int) -> list[dict[str, Any]]:
    counted = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    return [
        {
            "label": state.label.partition(":")[0].lower(),
            "count": counted.get(state.value, 0),
            "tone": tone if counted.get(state.value) else "",
            "url": markup.list_url(model, state__exact=state.value, connection=connection_id),
        }
        for state, tone in COUNTED_STATES
    ]


def _run_line(run: CatalogueRun | None) -> str:
    if run is None:
        return ""
    state = markup.state_pill(run, tone=markup.BUSY if run.state == CatalogueRun.State.RUNNING else "")
    return markup.joined([markup.page_of(run, str(run)), state, markup.progress_words(run.done, run.total, run.failed)])


def page_of_catalogue(connection_id: int) -> str:
    """The address of a connection's catalogue, '' where it has none."""
    pk = CatalogueSettings.objects.filter(connection=connection_id).values_list("pk", flat=True).first()
    return reverse("admin:stores_cataloguesettings_change", args=[pk]) if pk else ""
