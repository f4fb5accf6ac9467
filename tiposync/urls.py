"""Where requests go."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from stores.installing import REDIRECT_PATH
from syncing import views
from syncing.monitoring import probes
from tiposync.console.access import password, sessions, time_zone, two_factor
from tiposync.console.home import attention, search
from tiposync.console.place import CONSOLE
from tiposync.console.stores import connecting

handler500 = "tiposync.errors.server_error"
urlpatterns = [
    path("webhooks/shopify/", views.receive_webhook, name="shopify_webhook"),
    path(REDIRECT_PATH.removeprefix("/"), connecting.come_back, name="connected"),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", probes.show_metrics),
    path(f"{CONSOLE}two-factor/", admin.site.admin_view(two_factor.page), name="two_factor"),
    path(f"{CONSOLE}sessions/", admin.site.admin_view(sessions.page), name="sessions"),
    path(f"{CONSOLE}time-zone/", admin.site.admin_view(time_zone.page), name="time_zone"),
    path(f"{CONSOLE}password_change/", admin.site.admin_view(password.change)),  # this and the next before Django's
    path(f"{CONSOLE}attention/", admin.site.admin_view(attention.page), name="attention"),
    path(f"{CONSOLE}find/", admin.site.admin_view(search.page), name="find"),
    path(f"{CONSOLE}search/", admin.site.admin_view(search.answer)),
    path(CONSOLE, admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
