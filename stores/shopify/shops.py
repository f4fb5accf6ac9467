"""What a store says of itself: name and currency, granted scopes, locations, and the API versions Shopify supports."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from stores.shopify.client import Client

# Scopes by purpose (shopify.md 6); a write scope includes the read.
REQUIRED_SCOPES: dict[str, tuple[str, ...]] = {
    "links": ("read_products",),
    "stock": ("read_products", "read_inventory", "read_locations", "write_inventory"),
    "catalog": ("write_products", "read_inventory", "read_locations", "write_files", "write_publications"),
    "catalog_source": ("read_products", "read_inventory", "read_locations", "read_publications"),
    "sales stopped": ("write_products",),
    "content": ("write_content",),
    "content_source": ("read_content",),
    "metaobjects": ("write_metaobjects", "read_metaobject_definitions"),
    "metaobjects_source": ("read_metaobjects", "read_metaobject_definitions"),
    "types of metaobjects": ("write_metaobject_definitions",),
    # A destination's orders are read, shipped and told what became of them; a source gets orders, or drafts.
    "orders given": ("read_orders", "read_customers", "write_merchant_managed_fulfillment_orders"),
    "orders taken": ("write_orders", "write_customers", "read_merchant_managed_fulfillment_orders"),
    "orders given back": ("write_orders",),
    "orders edited": ("write_order_edits",),
    "orders moved": ("write_merchant_managed_fulfillment_orders",),
    "drafts taken": (
        "write_draft_orders",
        "write_orders",
        "read_customers",
        "read_merchant_managed_fulfillment_orders",
    ),
}


# What becomes of an app that was not approved for them, and what to do. shopify.md 6.
CUSTOMER_DATA = (
    "names, mails and addresses are empty, and webhooks of orders are refused. In the Dev Dashboard open the app, “API "
    "access requests” (in the Partner Dashboard: “API access”), and under “Protected customer data access” request it "
    "with name, e-mail, phone and address, saying that orders are copied between the merchant's own stores. An app of "
    "the store's own organisation has it at once, a public app after Shopify's review. Then check the store again."
)


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """A store: `domain` is the .myshopify.com one, `currency` an ISO code, `timezone` an IANA name; `plan` to show."""

    gid: str
    name: str
    domain: str
    currency: str
    timezone: str
    plan: str


@dataclass(frozen=True, slots=True)
class LocationRecord:
    """A place that holds stock. A fulfillment service's items cannot always be stocked elsewhere (shopify.md 3.5)."""

    gid: str
    name: str
    is_active: bool
    is_fulfillment_service: bool


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/shop
READ_SHOP = """
query ReadShop {
  shop { id name myshopifyDomain currencyCode ianaTimezone plan { publicDisplayName } }
}
"""


def read_shop(client: Client) -> ShopRecord:
    """Who answers under this domain. Raises as Client.execute does."""
    shop = client.execute(READ_SHOP, cost=2)["shop"]
    return ShopRecord(
        gid=shop["id"],
        name=shop["name"],
        domain=shop["myshopifyDomain"],
        currency=shop["currencyCode"],
        timezone=shop["ianaTimezone"],
        plan=shop["plan"]["publicDisplayName"],
    )


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/shop
ASK_TIME = "query AskTime { shop { id } }"


def ask_time(client: Client) -> datetime | None:
    """Shopify's clock now, to the second; None where its answer does not tell. Raises as Client.execute does."""
    client.execute(ASK_TIME, cost=1)
    return client.answered_at


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/currentAppInstallation
READ_SCOPES = """
query ReadScopes {
  currentAppInstallation { accessScopes { handle } }
}
"""


def read_scopes(client: Client) -> frozenset[str]:
    """The scopes granted on this store, as Shopify lists them. Raises as Client.execute does."""
    listed = client.execute(READ_SCOPES, cost=2)["currentAppInstallation"]["accessScopes"]
    return frozenset(scope["handle"] for scope in listed)


def missing_scopes(granted: Iterable[str], purposes: Iterable[str]) -> tuple[str, ...]:
    """The scopes that these purposes need and nobody granted, sorted. Raises KeyError for an unknown purpose."""
    has = set(granted)
    has |= {f"read_{scope.removeprefix('write_')}" for scope in has if scope.startswith("write_")}
    return tuple(sorted({scope for purpose in purposes for scope in REQUIRED_SCOPES[purpose]} - has))


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/customers
READ_CUSTOMER_ACCESS = """
query ReadCustomerAccess {
  customers(first: 10, sortKey: UPDATED_AT, reverse: true) {
    nodes { id firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
  }
}
"""


def read_customer_access(client: Client) -> bool | None:
    """Whether anything of who the newest customers are is shown to us; None where the store has no customers.

    Without approval of protected customer data (shopify.md 6) the query is refused, or nothing but ids arrives. Raises
    AccessDenied, and as Client.execute does.
    """
    nodes = client.execute(READ_CUSTOMER_ACCESS, cost=5)["customers"]["nodes"]
    if not nodes:
        return None
    names = ("firstName", "lastName", "defaultEmailAddress", "defaultPhoneNumber")
    return any(node[name] for node in nodes for name in names)


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/locations
LIST_LOCATIONS = """
query ListLocations($after: String) {
  locations(first: 250, after: $after, includeInactive: true, includeLegacy: true, sortKey: ID) {
    nodes { id name isActive isFulfillmentService }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def read_locations(client: Client) -> list[LocationRecord]:
    """Every location by id, also inactive ones and those of fulfillment services. Raises as Client.execute does."""
    return [
        LocationRecord(node["id"], node["name"], bool(node["isActive"]), bool(node["isFulfillmentService"]))
        for node in client.pages(LIST_LOCATIONS, None, ("locations",), cost=25)
    ]


# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/publicApiVersions
LIST_VERSIONS = """
query ListVersions {
  publicApiVersions { handle displayName supported }
}
"""


def supported_versions(client: Client) -> tuple[str, ...]:
    """The handles of the API versions that Shopify supports now, such as ("2026-01", "2026-04"), in order."""
    listed = client.execute(LIST_VERSIONS, cost=1)["publicApiVersions"]
    return tuple(sorted(version["handle"] for version in listed if version["supported"]))
