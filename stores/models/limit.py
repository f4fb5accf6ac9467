"""Which stores somebody at the console is limited to."""

from django.conf import settings
from django.db import models

from stores.models.store import Store


class StoreLimit(models.Model):
    """Limits a user to named stores. Who has no such row sees all stores; a row that names none shows none.

    So a limit stays when the last store of it is deleted.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="store_limit")
    stores = models.ManyToManyField(Store, blank=True, related_name="+")

    class Meta:
        verbose_name = "limit to stores"
        verbose_name_plural = "limits to stores"
        default_permissions = ()  # whoever may change a user sets it

    def __str__(self) -> str:
        return f"Limit of {self.user}"
