"""How an order is divided between the sources of a destination, written down so that all its copies agree."""

from django.db import models

from stores.models import Store


class OrderSplit(models.Model):
    """One row per order that several connections carry; `revision` changes with what it says.

    `owners` is line gid -> the connection whose affair the line is, `shares` a list of {connection, weight, lines,
    exchange}, the main source's first (orders.copies.rules.shares).
    """

    destination = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="+")
    order_gid = models.CharField(max_length=64)
    main_id = models.BigIntegerField()
    owners = models.JSONField(default=dict)
    shares = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "division of an order"
        verbose_name_plural = "divisions of orders"
        constraints = [models.UniqueConstraint(fields=["destination", "order_gid"], name="order_split_once")]

    def __str__(self) -> str:
        return f"{self.order_gid.rsplit('/', 1)[-1]} of {self.destination}"
