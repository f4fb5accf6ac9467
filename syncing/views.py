"""Where Shopify's webhooks arrive, and the probes of a supervisor."""

from django.http import HttpResponse


def receive_webhook(request):
    return HttpResponse()


def healthz(request):
    return HttpResponse()


def readyz(request):
    return HttpResponse()
