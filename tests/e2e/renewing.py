"""A worker that renews a store's token and asks the store something, again and again, until it is killed."""

import sys

import django

django.setup()

from stores import clients  # noqa: E402
from stores.models import Store  # noqa: E402
from stores.shopify import shops  # noqa: E402
from stores.shopify.errors import TRANSIENT, ShopifyError  # noqa: E402


def work(store_pk: int) -> None:
    while True:
        store = Store.objects.get(pk=store_pk)
        try:
            clients.renew_token(store)
            shops.read_shop(clients.open_client(store))
        except ShopifyError as error:
            if error.failure != TRANSIENT:
                raise


if __name__ == "__main__":
    work(int(sys.argv[1]))
