"""What can go wrong on the wire: one class for each way to react.

Each class carries `failure`, the word the job runner decides by: TRANSIENT (try again later), REJECTED (Shopify says
no to this content), MISCONFIGURED (an operator must change something), UNMATCHED (one must link something), BUG (our
request is wrong). `outcome_unknown` is True when a write may have taken effect although it failed: never send such a
write again without its idempotency key. Messages are for operators. They never contain a token, a secret, a header or
a body.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TRANSIENT = "transient"
REJECTED = "rejected"
MISCONFIGURED = "misconfigured"
UNMATCHED = "unmatched"
BUG = "bug"


@dataclass(frozen=True)
class UserError:
    """One entry of a mutation's `userErrors`.

    `code` is None for payloads of the plain UserError type. `field` is the path Shopify reports; list positions come as
    strings from inventory mutations and as integers from orderCreate (shopify.md 1.5), and are kept as they came.
    """

    code: str | None
    field: tuple[str | int, ...]
    message: str


class ShopifyError(Exception):
    """The base of everything raised by this package; `str(error)` is the message for the operator."""

    failure: str = BUG
    outcome_unknown: bool = False
    is_of_request: bool = False  # the store answered, and said so of this request alone: another may do better
    refused_by: int | None = None  # the number of the store that said so, where a gate stood before it

    def __init__(self, message: str = "", *, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class Throttled(ShopifyError):
    """The bucket is too small, or HTTP 429. Not executed. `retry_after` is in seconds."""

    failure = TRANSIENT

    def __init__(self, message: str = "", *, retry_after: float = 1.0, outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.retry_after = retry_after


class SlowDown(Throttled):
    """HTTP 429: Shopify asks to leave it alone for `retry_after` seconds, whatever the request costs."""


class OutOfPoints(Throttled):
    """The bucket is empty for longer than this call may wait, as far as we know: Shopify was not asked."""


class StoreRests(ShopifyError):
    """Not asked: it was slow or failing a moment ago, or another worker waits for its answer. See `retry_after`."""

    failure = TRANSIENT

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(ShopifyError):
    """No connection could be made. `outcome_unknown` stays False where it is sure that nothing was sent."""

    failure = TRANSIENT


class AnswerLost(ShopifyError):
    """The request went out and the answer did not come back whole: a write may have taken effect."""

    failure = TRANSIENT


class ServerError(ShopifyError):
    """5xx, 540, 783 or INTERNAL_SERVER_ERROR: a fault on Shopify's side; a write may have taken effect."""

    failure = TRANSIENT


class UnexpectedAnswer(ShopifyError):
    """Something that is not Shopify's GraphQL answer: HTML with 200, a redirect, a missing payload."""

    failure = TRANSIENT


class Unauthorized(ShopifyError):
    """401, also after the token was renewed once."""

    failure = MISCONFIGURED


class NotConnected(Unauthorized):
    """The app was never installed from Shopify: there is nothing to ask with yet, and nothing was lost."""


class InvalidCredentials(ShopifyError):
    """Shopify gives no token for these credentials. `reason` is Shopify's code, such as app_not_installed."""

    failure = MISCONFIGURED

    def __init__(self, message: str = "", *, reason: str = "", outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.reason = reason


class DeadRefreshToken(InvalidCredentials):
    """Shopify gives no other token for a refresh token: it was used, replaced or revoked, or is too old."""


class AccessDenied(ShopifyError):
    """403 or ACCESS_DENIED. `missing_scopes` names them where Shopify says which, e.g. ("read_inventory",)."""

    failure = MISCONFIGURED

    def __init__(self, message: str = "", *, missing_scopes: Sequence[str] = (), outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.missing_scopes = tuple(missing_scopes)


class StoreFrozen(ShopifyError):
    """402 or SHOP_INACTIVE: the store is unpaid, paused or closed. Pause it and look again in an hour."""

    failure = MISCONFIGURED


class StoreLocked(ShopifyError):
    """423 or 430: Shopify locked the store against us. Stop and tell a person."""

    failure = MISCONFIGURED


class StoreNotFound(ShopifyError):
    """404: no store, or no such address, under this domain."""

    failure = MISCONFIGURED


class StoreRenamed(UnexpectedAnswer):
    """The store has another permanent name since: Shopify points to it. Nothing was sent there, the token least."""

    failure = MISCONFIGURED

    def __init__(self, message: str = "", *, domain: str = "", outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.domain = domain


class WrongVersion(ShopifyError):
    """Another API version than the one asked for served the request: ours has been retired and fell forward."""

    failure = MISCONFIGURED

    def __init__(self, message: str = "", *, asked: str = "", served: str = "", outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.asked = asked
        self.served = served


class UserErrors(ShopifyError):
    """A mutation answered with `userErrors`: nothing was changed. `errors` holds every one of them."""

    failure = REJECTED

    def __init__(self, message: str = "", *, errors: Sequence[UserError] = (), outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        said = [f"{error.message} ({error.code})" if error.code else error.message for error in self.errors[:3]]
        if len(self.errors) > 3:
            said.append(f"and {len(self.errors) - 3} more")
        return f"{super().__str__()} {'; '.join(said)}".strip()


class VariantLimitReached(UserErrors):
    """The store takes no more new variants until tomorrow; what exists can be changed. Nothing was changed."""


class ObjectNotFound(ShopifyError):
    """RESOURCE_NOT_FOUND, NOT_FOUND, or an object that was there a moment ago and is not any more."""

    failure = REJECTED


class QueryRejected(ShopifyError):
    """Our request is wrong: validation, variables, too costly, too long, an ignored search filter. See `codes`."""

    failure = BUG

    def __init__(self, message: str = "", *, codes: Sequence[str] = (), outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.codes = tuple(codes)


class TooManyBulkOperations(ShopifyError):
    """All places for bulk operations of this app and store are taken (5 since 2026-01): wait for one to end."""

    failure = TRANSIENT


class BulkFailed(ShopifyError):
    """A bulk operation ended without a whole result. `error_code` is Shopify's, e.g. TIMEOUT."""

    failure = TRANSIENT

    def __init__(self, message: str = "", *, error_code: str = "", outcome_unknown: bool = False) -> None:
        super().__init__(message, outcome_unknown=outcome_unknown)
        self.error_code = error_code


class BulkLinkExpired(ShopifyError):
    """The address of a bulk result does not work any more: poll the operation again for a fresh one."""

    failure = TRANSIENT
