"""The product's addresses, and the bare view's."""

from django.urls import path

from tests.benchmarks.staging.bare import insert_row
from tiposync.urls import urlpatterns as product_urls

urlpatterns = [path("bare/", insert_row), *product_urls]
