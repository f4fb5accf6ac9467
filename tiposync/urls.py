"""Where requests go."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from stores.admin import two_factor
from syncing import views

handler500 = "tiposync.errors.server_error"
urlpatterns = [
    path("webhooks/shopify/", views.receive_webhook, name="shopify_webhook"),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.show_metrics),
    path("admin/two-factor/", admin.site.admin_view(two_factor.page), name="two_factor"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
