"""An app that edits one order over HTTP."""

from __future__ import annotations

from tests.simulator.state.gids import gid
from tests.simulator.state.orders import LineItem, Order
from tests.simulator.tests.conftest import Api

AMOUNT = "shopMoney { amount }"
LINE = f"""id quantity editableQuantity restocking hasStagedLineItemDiscount discountedUnitPriceSet {{ {AMOUNT} }}
calculatedDiscountAllocations {{ allocatedAmountSet {{ {AMOUNT} }} discountApplication {{ id description }} }}"""
ERRORS = "userErrors { field message }"
STEP = f"calculatedOrder {{ id }} orderEditSession {{ id }} calculatedLineItem {{ {LINE} }} {ERRORS}"
BEGIN = f"""mutation Begin($id: ID!) {{ orderEditBegin(id: $id) {{
  calculatedOrder {{ id lineItems(first: 9) {{ nodes {{ id quantity }} }} }} orderEditSession {{ id }} {ERRORS} }} }}"""
SET = f"""mutation Set($id: ID!, $line: ID!, $quantity: Int!, $restock: Boolean, $locationId: ID) {{
  orderEditSetQuantity(id: $id, lineItemId: $line, quantity: $quantity, restock: $restock, locationId: $locationId) {{
    {STEP} }} }}"""
ADD = f"""mutation Add($id: ID!, $variant: ID!, $quantity: Int!, $locationId: ID, $duplicates: Boolean) {{
  orderEditAddVariant(id: $id, variantId: $variant, quantity: $quantity, locationId: $locationId,
    allowDuplicates: $duplicates) {{ {STEP} }} }}"""
CUSTOM = f"""mutation Custom($id: ID!, $title: String!, $quantity: Int!, $price: MoneyInput!) {{
  orderEditAddCustomItem(id: $id, title: $title, quantity: $quantity, price: $price) {{ {STEP} }} }}"""
DISCOUNT = f"""mutation Discount($id: ID!, $line: ID!, $discount: OrderEditAppliedDiscountInput!) {{
  orderEditAddLineItemDiscount(id: $id, lineItemId: $line, discount: $discount) {{
    addedDiscountStagedChange {{ id description }} {STEP} }} }}"""
REMOVE = f"""mutation Remove($id: ID!, $discount: ID!) {{
  orderEditRemoveDiscount(id: $id, discountApplicationId: $discount) {{
    calculatedOrder {{ totalPriceSet {{ {AMOUNT} }} }} userErrors {{ code field message }} }} }}"""
COMMIT = f"""mutation Commit($id: ID!, $notifyCustomer: Boolean, $staffNote: String) {{
  orderEditCommit(id: $id, notifyCustomer: $notifyCustomer, staffNote: $staffNote) {{
    order {{ displayFinancialStatus totalPriceSet {{ {AMOUNT} }} currentTotalPriceSet {{ {AMOUNT} }}
      totalOutstandingSet {{ {AMOUNT} }} currentTaxLines {{ priceSet {{ {AMOUNT} }} }}
      lineItems(first: 9) {{ nodes {{ id quantity currentQuantity }} }}
      fulfillmentOrders(first: 9) {{ nodes {{ id status lineItems(first: 9) {{ nodes {{
        totalQuantity remainingQuantity }} }} }} }} }}
    successMessages {ERRORS} }} }}"""
READ = f"""query Read($id: ID!) {{ node(id: $id) {{ ... on CalculatedOrder {{ subtotalLineItemsQuantity
  totalPriceSet {{ {AMOUNT} }} lineItems(first: 9) {{ nodes {{ id quantity }} }}
  addedLineItems(first: 9) {{ nodes {{ id quantity }} }}
  stagedChanges(first: 9) {{ nodes {{ __typename }} }} }} }} }}"""


class Editor:
    """Each call answers the mutation's payload and checks that nothing was refused, unless it is to be."""

    def __init__(self, api: Api, order: Order):
        self.api = api
        self.order = order
        self.id = ""

    def ask(self, document: str, field: str, refused: bool = False, **variables) -> dict:
        payload = self.api.data(document, {"id": self.id, **variables})[field]
        assert bool(payload["userErrors"]) == refused, payload["userErrors"]
        return payload

    def begin(self, refused: bool = False) -> dict:
        payload = self.api.data(BEGIN, {"id": gid("Order", self.order.id)})["orderEditBegin"]
        assert bool(payload["userErrors"]) == refused, payload["userErrors"]
        if not refused:
            self.id = payload["calculatedOrder"]["id"]
        return payload

    def set_quantity(self, line: LineItem | str, quantity: int, refused: bool = False, **given) -> dict:
        name = line if isinstance(line, str) else gid("CalculatedLineItem", line.id)
        return self.ask(SET, "orderEditSetQuantity", refused, line=name, quantity=quantity, **given)

    def add_variant(
        self, variant_id: int, quantity: int, *, allow_duplicates: bool = False, refused: bool = False, **given
    ) -> dict:
        variant = gid("ProductVariant", variant_id)
        return self.ask(
            ADD,
            "orderEditAddVariant",
            refused,
            variant=variant,
            quantity=quantity,
            duplicates=allow_duplicates,
            **given,
        )

    def add_custom_item(self, title: str, quantity: int, amount: str, currency: str, refused: bool = False) -> dict:
        price = {"amount": amount, "currencyCode": currency}
        return self.ask(CUSTOM, "orderEditAddCustomItem", refused, title=title, quantity=quantity, price=price)

    def add_discount(self, line: str, discount: dict, refused: bool = False) -> dict:
        return self.ask(DISCOUNT, "orderEditAddLineItemDiscount", refused, line=line, discount=discount)

    def remove_discount(self, discount: str, refused: bool = False) -> dict:
        return self.ask(REMOVE, "orderEditRemoveDiscount", refused, discount=discount)

    def commit(self, refused: bool = False, **given) -> dict:
        return self.ask(COMMIT, "orderEditCommit", refused, **given)

    def read(self) -> dict | None:
        return self.api.data(READ, {"id": self.id})["node"]
