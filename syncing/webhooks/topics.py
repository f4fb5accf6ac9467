"""The table: what each webhook topic leads to."""

from syncing.upkeep import privacy
from syncing.webhooks import inbox, orders, stores

EFFECTS: dict[str, inbox.Effect] = {
    # inventory_levels/update itself is a value, taken into the mirror by inbox.process_new
    "inventory_levels/connect": stores.doubt_levels,
    "inventory_levels/disconnect": stores.doubt_levels,
    "inventory_items/update": stores.follow_items,
    "inventory_items/delete": stores.follow_items,
    "products/create": stores.follow_products,
    "products/update": stores.follow_products,
    "products/delete": stores.forget_products,
    "collections/create": stores.follow_collections,
    "collections/update": stores.follow_collections,
    "collections/delete": stores.follow_collections,
    "locations/create": stores.check_store,
    "locations/update": stores.check_store,
    "locations/delete": stores.check_store,
    "locations/activate": stores.check_store,
    "locations/deactivate": stores.check_store,
    "shop/update": stores.check_store,
    "app/scopes_update": stores.check_store,
    "app/uninstalled": stores.lose_store,
    # Shopify's compliance webhooks, subscribed in the app's settings, not by us
    "customers/data_request": privacy.note_data_requests,
    "customers/redact": privacy.forget_customers,
    "shop/redact": privacy.forget_store,
    "bulk_operations/finish": stores.finish_bulk,
    "orders/create": orders.follow_orders,
    "orders/paid": orders.follow_orders,
    "orders/updated": orders.follow_orders,
    "orders/cancelled": orders.cancel_orders,
    "orders/edited": orders.follow_edits,
    "orders/delete": orders.follow_deletions,
    "refunds/create": orders.follow_refunds,
    "fulfillments/create": orders.follow_fulfilments,
    "fulfillments/update": orders.follow_fulfilments,
    "draft_orders/update": orders.follow_drafts,
    "draft_orders/delete": orders.follow_draft_deletions,
}
