"""What the webhook intake is compared with: a Django view that does nothing but insert its body as one row."""

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt


class Row(models.Model):
    """One body, in a table that the benchmark makes: the product's migrations do not know it."""

    body = models.TextField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "benchmarks"
        db_table = "benchmark_row"
        managed = False

    def __str__(self) -> str:
        return f"Row {self.pk}"


@csrf_exempt
def insert_row(request: HttpRequest) -> HttpResponse:
    """Insert one row, answer 200."""
    Row.objects.create(body=request.body.decode())
    return HttpResponse("OK", content_type="text/plain")
