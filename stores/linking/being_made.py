"""What another connection is making in a destination at this moment: it is that one's before its variants are linked.

Between Shopify's answer and the links, a webhook of the destination, or a matching, may tell of the new variants first.
"""

from collections.abc import Collection
from typing import Any

from django.db import connection as db

from stores.models import Connection, Store

# Ids of such variants. What is being made is known by the id that the answer told, or until then by what
# ProductLink.written keeps as sent (lost_creations): the handle, and what identifies it, for another product may have
# that handle by chance. What a connection that has ended has left behind is nobody's.
BEING_MADE = """
    SELECT d.id, made.title, maker.source_id
    FROM stores_productlink made
    JOIN stores_connection maker ON maker.id = made.connection_id AND maker.state NOT IN ('ended', 'removed')
    JOIN stores_variant d ON d.store_id = made.destination_id AND d.product_gid = made.destination_gid
    WHERE made.destination_id = %(destination)s AND made.connection_id <> %(connection)s AND made.is_created
      AND made.synced_at IS NULL AND made.state IN ('creating', 'failed') AND made.destination_gid <> ''
    UNION ALL
    SELECT d.id, made.title, maker.source_id
    FROM stores_productlink made
    JOIN stores_connection maker ON maker.id = made.connection_id AND maker.state NOT IN ('ended', 'removed')
    JOIN stores_variant d ON d.store_id = made.destination_id AND d.handle_key = made.written -> 'sent' ->> 'handle'
    WHERE made.destination_id = %(destination)s AND made.connection_id <> %(connection)s AND made.is_created
      AND made.synced_at IS NULL AND made.state = 'creating' AND made.destination_gid = ''
      AND (d.sku_key = '' AND d.barcode_key = ''
           OR made.written -> 'sent' -> 'keys' ?| ARRAY['sku ' || d.sku_key, 'barcode ' || d.barcode_key])
"""


def load_makers(connection: Connection, destination_pks: Collection[int]) -> dict[int, str]:
    """Which of these variants of a connection's destination another one is making, and whose they are, in words."""
    if not destination_pks:
        return {}
    wanted: dict[str, Any] = {"destination": connection.destination_id, "connection": connection.pk}
    wanted["pks"] = list(destination_pks)
    with db.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({BEING_MADE}) made WHERE made.id = ANY(%(pks)s)", wanted)
        found = cursor.fetchall()
    makers = Store.objects.in_bulk({source_pk for *_, source_pk in found}) if found else {}
    return {pk: f"{title} of {makers[source_pk]}" for pk, title, source_pk in found}
