"""The page on which everybody chooses the time zone in which the console shows them times."""

from itertools import groupby

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from tiposync.console.kit import markup
from tiposync.console.kit.pages import signed_in
from tiposync.console.models import Preferences
from tiposync.console.times import time_zones


def page(request: HttpRequest) -> HttpResponse:
    """One's own zone, of all that there are; what is none is refused."""
    user = signed_in(request)
    own = Preferences.objects.filter(user=user).values_list("time_zone", flat=True).first() or ""
    if request.method == "POST":
        wanted = request.POST.get("time_zone")
        if wanted is None or wanted not in ("", *time_zones.names()):
            messages.error(request, "That is none of these time zones: nothing was changed.")
        else:
            if wanted != own:
                Preferences.objects.update_or_create(user=user, defaults={"time_zone": wanted})
            messages.success(request, f"Times are shown in {wanted or settings.CONSOLE_TIME_ZONE} now.")
        return HttpResponseRedirect(reverse("time_zone"))
    regions = groupby(time_zones.names(), lambda name: name.partition("/")[0])
    context = admin.site.each_context(request) | {
        "title": "Time zone",
        "regions": [(region, list(names)) for region, names in regions],
        "own": own,
        "default": settings.CONSOLE_TIME_ZONE,
        "now": markup.exact(timezone.now()),
    }
    return TemplateResponse(request, "admin/console/time_zone.html", context)
