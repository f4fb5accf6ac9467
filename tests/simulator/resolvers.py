"""Every resolver of the simulator in one table, and the names of the types that its objects stand for."""

from __future__ import annotations

from . import (
    activation,
    bulk_fields,
    draft_mutations,
    fulfillment_mutations,
    inventory,
    metafields,
    order_create,
    order_mutations,
    products,
    reads,
    reads_drafts,
    reads_fulfillments,
    reads_inventory,
    reads_order_parts,
    reads_orders,
    reads_people,
    refund_mutations,
    subscriptions,
)
from .order_state import (
    AutomaticDiscount,
    CodeDiscount,
    Customer,
    Draft,
    Fulfillment,
    FulfillmentOrder,
    Job,
    ManualDiscount,
    MetafieldDefinition,
    Order,
    Refund,
)
from .paging import connection_resolvers
from .reads_order_parts import LineView, MoneyValue, PercentageValue
from .state import (
    AdjustmentGroup,
    App,
    BulkOperation,
    HttpEndpoint,
    InventoryItem,
    Level,
    Location,
    Product,
    Shop,
    Subscription,
    Variant,
)

PAGED = """
Product ProductVariant InventoryItem InventoryLevel Location WebhookSubscription Order LineItem ShippingLine
DiscountApplication FulfillmentOrder FulfillmentOrderLineItem Fulfillment FulfillmentLineItem RefundLineItem
RefundShippingLine OrderTransaction DraftOrder DraftOrderLineItem Customer MailingAddress Metafield MetafieldDefinition
"""
RESOLVERS = {
    **connection_resolvers(PAGED.split()),
    **reads.RESOLVERS,
    **reads_inventory.RESOLVERS,
    **reads_order_parts.RESOLVERS,
    **reads_orders.RESOLVERS,
    **reads_fulfillments.RESOLVERS,
    **reads_people.RESOLVERS,
    **reads_drafts.RESOLVERS,
    **inventory.RESOLVERS,
    **activation.RESOLVERS,
    **subscriptions.RESOLVERS,
    **products.RESOLVERS,
    **metafields.RESOLVERS,
    **order_create.RESOLVERS,
    **order_mutations.RESOLVERS,
    **refund_mutations.RESOLVERS,
    **fulfillment_mutations.RESOLVERS,
    **draft_mutations.RESOLVERS,
    **bulk_fields.RESOLVERS,
}
TYPE_NAMES = {
    Shop: "Shop",
    App: "AppInstallation",
    Product: "Product",
    Variant: "ProductVariant",
    InventoryItem: "InventoryItem",
    Level: "InventoryLevel",
    Location: "Location",
    Subscription: "WebhookSubscription",
    BulkOperation: "BulkOperation",
    AdjustmentGroup: "InventoryAdjustmentGroup",
    HttpEndpoint: "WebhookHttpEndpoint",
    Order: "Order",
    LineView: "LineItem",
    Draft: "DraftOrder",
    Customer: "Customer",
    Refund: "Refund",
    Fulfillment: "Fulfillment",
    FulfillmentOrder: "FulfillmentOrder",
    Job: "OrderCancelJobResult",
    MetafieldDefinition: "MetafieldDefinition",
    CodeDiscount: "DiscountCodeApplication",
    AutomaticDiscount: "AutomaticDiscountApplication",
    ManualDiscount: "ManualDiscountApplication",
    MoneyValue: "MoneyV2",
    PercentageValue: "PricingPercentageValue",
}
