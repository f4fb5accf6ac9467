"""Apps of a shop: one installation each, its tokens, and the codes that are changed into tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

ALL_SCOPES = """
read_inventory write_inventory read_locations write_locations read_products write_products read_orders write_orders
read_all_orders read_draft_orders write_draft_orders read_customers write_customers read_fulfillments write_fulfillments
read_merchant_managed_fulfillment_orders write_merchant_managed_fulfillment_orders read_publications write_publications
read_content write_content read_files write_files read_order_edits write_order_edits read_returns write_returns
read_metaobjects write_metaobjects read_metaobject_definitions write_metaobject_definitions"""

CLIENT_ID = "tiposync"
CLIENT_SECRET = "shpss_simulator_secret"


@dataclass(slots=True)
class App:
    """One installation. `secrets` are oldest first: the oldest unrevoked one signs webhooks (shopify.md 4.4)."""

    client_id: str = CLIENT_ID
    secrets: list[str] = field(default_factory=lambda: [CLIENT_SECRET])
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES.split()))
    installed: bool = True
    permitted: bool = True  # False: app and shop belong to different organisations (shop_not_permitted)
    webhook_version: str = "2026-10"
    redirects: list[str] = field(default_factory=list)  # where the authorization page may lead back to
    released: set[str] | None = None  # the scopes of its version; None: those that an address asks for (row 72)


@dataclass(slots=True)
class Token:
    """An access token, with its refresh token where it has one (row 73)."""

    value: str
    client_id: str
    expires_at: float | None = None
    revoked: bool = False
    refresh_token: str | None = None
    scopes: set[str] | None = None  # None: the scopes of the installation
    refresh_expires_at: float | None = None
    refresh_used_at: float | None = None
    refresh_retired: bool = False
    replaces: Token | None = None  # the one whose refresh token was given for it


@dataclass(slots=True)
class Code:
    """What the authorization page sends back: good once, for the app it was made for, for a while (row 72)."""

    value: str
    client_id: str
    issued_at: float
    used: bool = False
