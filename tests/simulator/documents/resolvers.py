"""Every resolver of the simulator in one table, and the names of the types that its objects stand for."""

from __future__ import annotations

from tests.simulator.bulk import fields
from tests.simulator.documents import catalogue_resolvers
from tests.simulator.edits import mutations as edit_writes
from tests.simulator.edits import reads as edit_reads
from tests.simulator.mutations import activation, inventory, metafields, subscriptions, tags
from tests.simulator.mutations.orders import create, drafts, fulfillments, orders, refunds
from tests.simulator.payments import mutations as payments
from tests.simulator.reads import drafts as reads_drafts
from tests.simulator.reads import fulfillments as reads_fulfillments
from tests.simulator.reads import inventory as reads_inventory
from tests.simulator.reads import metafields as reads_metafields
from tests.simulator.reads import order_parts, people, shop, suggested_refund
from tests.simulator.reads import orders as reads_orders
from tests.simulator.reads.order_parts import LineView, MoneyValue, PercentageValue
from tests.simulator.reads.paging import connection_resolvers
from tests.simulator.relocation import mutations as relocation
from tests.simulator.returns import mutations as return_writes
from tests.simulator.returns import reads as return_reads
from tests.simulator.state.metafields import Metafield, MetafieldDefinition
from tests.simulator.state.orders import (
    AutomaticDiscount,
    CancelJob,
    CodeDiscount,
    Customer,
    Draft,
    Fulfillment,
    FulfillmentOrder,
    ManualDiscount,
    Order,
    Refund,
)
from tests.simulator.state.shop import (
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
CalculatedLineItem CalculatedDiscountApplication OrderStagedChange FulfillmentOrderLocationForMove
Return ReturnLineItemType ExchangeLineItem Refund
"""
RESOLVERS = {
    **connection_resolvers(PAGED.split()),
    **shop.RESOLVERS,
    **reads_inventory.RESOLVERS,
    **order_parts.RESOLVERS,
    **reads_orders.RESOLVERS,
    **suggested_refund.RESOLVERS,
    **reads_fulfillments.RESOLVERS,
    **people.RESOLVERS,
    **reads_drafts.RESOLVERS,
    **inventory.RESOLVERS,
    **activation.RESOLVERS,
    **subscriptions.RESOLVERS,
    **catalogue_resolvers.RESOLVERS,
    **reads_metafields.RESOLVERS,
    **metafields.RESOLVERS,
    **tags.RESOLVERS,
    **create.RESOLVERS,
    **orders.RESOLVERS,
    **refunds.RESOLVERS,
    **fulfillments.RESOLVERS,
    **drafts.RESOLVERS,
    **edit_reads.RESOLVERS,
    **edit_writes.RESOLVERS,
    **payments.RESOLVERS,
    **relocation.RESOLVERS,
    **return_reads.RESOLVERS,
    **return_writes.RESOLVERS,
    **fields.RESOLVERS,
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
    CancelJob: "OrderCancelJobResult",
    Metafield: "Metafield",
    MetafieldDefinition: "MetafieldDefinition",
    CodeDiscount: "DiscountCodeApplication",
    AutomaticDiscount: "AutomaticDiscountApplication",
    ManualDiscount: "ManualDiscountApplication",
    MoneyValue: "MoneyV2",
    PercentageValue: "PricingPercentageValue",
    **edit_reads.TYPE_NAMES,
    **return_reads.TYPE_NAMES,
    **catalogue_resolvers.TYPE_NAMES,
}
