"""One store's GraphQL endpoint: waits on the bucket, retries reads, and never sends a write twice by itself."""

import copy
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from stores.shopify import answers
from stores.shopify.auth import TokenSource, check_token_text
from stores.shopify.errors import (
    TRANSIENT,
    ObjectNotFound,
    OutOfPoints,
    ShopifyError,
    Throttled,
    Unauthorized,
    UnexpectedAnswer,
    WrongVersion,
)
from stores.shopify.throttle import Bucket, Gate, Spent

logger = logging.getLogger(__name__)

# Longer waits are the job runner's business: a worker must not sleep through them.
LONGEST_WAIT_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5
MOST_RENEWALS = 2
SLOW_ATTEMPT_SECONDS = 10.0  # a read that failed after this long is not tried again at once

_READ = re.compile(r"(?:\s|#[^\n]*\n)*(?:query\b|\{)")
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")


def new_session(connections: int = 4) -> requests.Session:
    """A session that keeps connections open between requests; it never retries by itself."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=connections, pool_maxsize=connections, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def is_read(document: str) -> bool:
    """Whether a GraphQL document is a query. Anything else is treated as a write."""
    return _READ.match(document) is not None


def operation_name(document: str) -> str:
    """The name of the document's operation, or an empty string."""
    found = _OPERATION.search(document)
    return found.group(1) if found else ""


def encode_body(document: str, variables: Mapping[str, Any] | None = None) -> bytes:
    """A request body as canonical JSON: the same document and variables always give the same bytes.

    Nulls are kept: Shopify tells an absent `changeFromQuantity` from a null one (shopify.md 3.2).
    """
    body: dict[str, Any] = {"query": document, "variables": dict(variables or {})}
    name = operation_name(document)
    if name:
        body["operationName"] = name
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@dataclass(slots=True)
class _Call:
    """One call: what is asked, for how long it may still sleep, and how long the store has taken over it so far.

    `taken`: points that were taken as it entered, and the seconds to wait for them, until it is sent. `spent`: what it
    cost, where the bucket is told of that as it leaves.
    """

    body: bytes
    document: str
    cost: float
    is_write: bool
    patience: float
    taken: tuple[float, float] | None = None
    spent: Spent | None = None
    asked_seconds: float = 0.0
    slept_seconds: float = 0.0


class Client:
    """Asks one store. Use one Client per thread; share the Bucket and the TokenSource between them.

    `store_url` is `https://shop.myshopify.com`, or an address whose last path part is the domain. `timeout` is
    (connect, read) in seconds; `sleep` takes seconds. `domain` names the store in messages and logs. `patience` is how
    many seconds a call may sleep for want of points: what would last longer raises Throttled.

    `answered_at` is Shopify's own clock (the Date header) as the last answer told it; None where that told nothing.
    `note_time` is called with it at each answer.
    """

    def __init__(
        self,
        store_url: str,
        api_version: str,
        tokens: TokenSource,
        bucket: Bucket,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (5, 30),
        sleep: Callable[[float], None] = time.sleep,
        domain: str = "",
        read_attempts: int = 4,
        throttle_attempts: int = 8,
        note_time: Callable[[datetime], None] = lambda at: None,
        patience: float = LONGEST_WAIT_SECONDS,
        gate: Gate | None = None,
    ) -> None:
        self.domain = domain or answers.store_name(store_url)
        self.api_version = api_version
        self.session = session or new_session()
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(store_url))
        self._url = f"{store_url.rstrip('/')}/admin/api/{api_version}/graphql.json"
        self._tokens = tokens
        self._bucket = bucket
        self._timeout = timeout
        self._sleep = sleep
        self._read_attempts = read_attempts
        self._throttle_attempts = throttle_attempts
        self._patience = patience
        self._gate = gate or Gate()
        self._learned_costs: dict[str, float] = {}
        self.answered_at: datetime | None = None
        self._note_time = note_time

    def execute(
        self, document: str, variables: Mapping[str, Any] | None = None, *, cost: float, attempts: int | None = None
    ) -> dict[str, Any]:
        """Send a document and return its `data`. `cost` is the first guess of its requested points.

        `attempts`: how often a query is tried, where that is not as often as this client does.

        A query is tried again on transient failures. A mutation is sent again only where Shopify did not execute it
        (THROTTLED, 429, 401 with a token that could be renewed). Raises ShopifyError subclasses; look at
        `outcome_unknown` after a mutation.
        """
        return self._run(encode_body(document, variables), document, cost, self._patience, attempts)

    def execute_raw_body(self, body: bytes, *, cost: float) -> dict[str, Any]:
        """Send exactly these bytes, as `encode_body` made them, and return `data`. Retries as `execute` does.

        So a write goes out once, and every ambiguous failure raises with `outcome_unknown` True: send the same bytes
        again later to find out. Raises ValueError for bytes that are no GraphQL body.
        """
        document = json.loads(body)["query"]
        return self._run(body, document, cost, self._patience)

    def pages(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        path: Sequence[str],
        cost: float,
        attempts: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The nodes of the connection at `path` in `data`, page after page. `attempts` is that of `execute`.

        The document takes `$after: String` and selects `nodes` and `pageInfo { hasNextPage endCursor }`. An object on
        the path that is null, because it does not exist, gives no nodes. Raises ObjectNotFound when it vanishes between
        two pages, and as `execute` does.
        """
        after: str | None = None
        while True:
            body = encode_body(document, {**(variables or {}), "after": after})
            # Once some pages are read, it is better to wait for the next one than to begin anew.
            patience = self._patience if after is None else LONGEST_WAIT_SECONDS
            data: Any = self._run(body, document, cost, patience, attempts)
            for name in path:
                data = data.get(name) if data is not None else None
            if data is None and after is not None:
                raise ObjectNotFound(f"{self.domain}: {'.'.join(path)} vanished between two pages.")
            if data is None:
                return
            yield from data["nodes"]
            page = data["pageInfo"]
            if not page["hasNextPage"]:
                return
            if not page["endCursor"] or page["endCursor"] == after:
                raise UnexpectedAnswer(f"{self.domain}: Shopify promises another page without saying where it starts.")
            after = page["endCursor"]

    def for_a_person(self, patience: float = 10.0) -> "Client":
        """This client for a page that somebody waits for: Throttled where all its waits together would last longer.

        `patience` is in seconds. It also gives up earlier on a store that does not answer.
        """
        hurried, left = copy.copy(self), [patience]

        def sleep(seconds: float) -> None:
            left[0] -= seconds
            if left[0] < 0:
                raise Throttled(
                    f"{self.domain}: its API budget is used up by other work. Try again in {seconds:.0f} seconds.",
                    retry_after=seconds,
                )
            self._sleep(seconds)

        hurried._sleep, hurried._timeout, hurried._read_attempts = sleep, (5, 10), 2
        hurried._gate, hurried._patience = (
            Gate(),
            LONGEST_WAIT_SECONDS,
        )  # a person who presses is answered by the store
        return hurried

    def through(self, gate: Gate) -> "Client":
        """This client, asking through another gate."""
        other = copy.copy(self)
        other._gate = gate
        return other

    def check_gate(self, *, is_write: bool) -> None:
        """Raises StoreRests or OutOfPoints where a call would: before something is prepared for it."""
        if (wait := self._gate.check(is_write, self._bucket)) > self._patience:
            raise self._out_of_points(wait)

    def _out_of_points(self, wait: float) -> OutOfPoints:
        words = f"{self.domain}: its API budget is used up for the next {wait:.0f} seconds."
        return OutOfPoints(words, retry_after=wait)

    def pause(self, seconds: float) -> None:
        """Wait in the way this client waits, for something at Shopify that needs time."""
        self._sleep(seconds)

    def _run(
        self, body: bytes, document: str, cost: float, patience: float, attempts: int | None = None
    ) -> dict[str, Any]:
        is_write, points = not is_read(document), self._learned_costs.get(document, cost)
        was_in_trouble, wait = self._gate.enter(is_write, self._bucket, points)
        attempts = 1 if was_in_trouble else attempts or self._read_attempts
        call = _Call(body, document, cost, is_write, patience, taken=(points, wait))
        error: BaseException | None = None
        try:
            return self._try(call, attempts)
        except BaseException as failure:
            error = failure
            raise
        finally:
            seconds = call.asked_seconds + (call.slept_seconds if isinstance(error, Throttled) else 0.0)
            if call.taken:  # nothing was sent for them
                call.spent = Spent(None, points, 0.0)
            self._gate.leave(is_write, seconds, error, self._bucket, call.spent)

    def _try(self, call: "_Call", attempts: int) -> dict[str, Any]:
        failures = throttles = 0
        rejected: list[str] = []
        while True:
            token = self._tokens.token()
            try:
                return self._send(call, token)
            except Unauthorized:
                # Twice: the token that another worker put in place of ours meanwhile may be dead, too.
                rejected.append(token)
                if len(rejected) > MOST_RENEWALS or self._tokens.renew(token) in rejected:
                    raise
            except Throttled as error:
                throttles += 1
                if throttles >= self._throttle_attempts or error.retry_after > call.patience:
                    raise
                # Jitter upwards only: earlier than told would be refused again.
                self._wait(max(error.retry_after, 0.05 * 2**throttles) * random.uniform(1.0, 1.25), call, error)
            except ShopifyError as error:
                failures += 1
                if call.is_write or error.failure != TRANSIENT or failures >= attempts:
                    raise
                if call.asked_seconds > SLOW_ATTEMPT_SECONDS:
                    raise  # it would be as slow again: others wait for this worker
                self._sleep(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1) * random.uniform(0.5, 1.0))

    def _wait(self, seconds: float, call: "_Call", error: Throttled) -> None:
        """Sleep for want of points, as long as the call's patience lasts; then raise `error`."""
        call.patience -= seconds
        if call.patience < 0:
            raise error
        call.slept_seconds += seconds
        self._sleep(seconds)

    def _send(self, call: "_Call", token: str) -> dict[str, Any]:
        """One exchange: reserve, wait, post, report what it cost, read the answer."""
        check_token_text(token)
        reserved = self._reserve(call)
        answer: dict[str, Any] = {}
        is_good = False
        began = time.monotonic()
        try:
            response = self._post(call.body, call.document, token, call.is_write, reserved)
            answers.raise_for_status(response, self.domain, is_write=call.is_write)
            self._check_version(response, call.is_write)
            answer = answers.json_object(response, self.domain, is_write=call.is_write)
            data = answers.data_of(answer, self.domain, is_write=call.is_write, cost=reserved)
            is_good = True
            return data
        finally:
            call.asked_seconds += time.monotonic() - began
            spent = self._learn(answer, call.document, reserved)
            if is_good:
                call.spent = spent  # the call leaves now, and tells it
            else:
                self._bucket.report(spent.throttle_status, spent.requested, spent.actual)

    def _reserve(self, call: "_Call") -> float:
        """Take points from the bucket, if they were not taken as the call entered, and wait for them; how many."""
        if call.taken:
            (cost, wait), call.taken = call.taken, None
        else:
            cost = self._learned_costs.get(call.document, call.cost)
            wait = self._bucket.acquire(cost)
        if wait <= 0:
            return cost
        try:
            self._wait(wait, call, self._out_of_points(wait))
        except BaseException:
            self._bucket.report(None, cost, 0.0)  # nothing is sent for them
            raise
        return cost

    def _post(self, body: bytes, document: str, token: str, is_write: bool, reserved: float) -> requests.Response:
        headers = {
            "X-Shopify-Access-Token": token,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        name = operation_name(document) or "unnamed"
        began = time.monotonic()
        self.answered_at = None  # what an earlier answer said is old by now
        try:
            response = self.session.post(
                self._url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            spent = (time.monotonic() - began) * 1000
            logger.info("%s %s cost=%g ms=%.0f failed=%s", self.domain, name, reserved, spent, type(error).__name__)
            raise answers.network_error(error, self.domain, is_write=is_write) from None
        self.answered_at = answers.answered_at(response)
        if self.answered_at:
            self._note_time(self.answered_at)
        logger.info(
            "%s %s cost=%g ms=%.0f status=%s request=%s",
            self.domain,
            name,
            reserved,
            (time.monotonic() - began) * 1000,
            response.status_code,
            answers.request_id(response),
        )
        return response

    def _learn(self, answer: dict[str, Any], document: str, reserved: float) -> Spent:
        """What the bucket is to be told of how the request ended; and remember the document's real cost."""
        status, requested, actual = answers.cost_of(answer)
        if requested is not None:
            self._learned_costs[document] = requested
        if actual is None and answer and "data" not in answer:
            actual = 0.0  # refused before execution: THROTTLED, or a document that does not validate
        return Spent(status, reserved, actual)

    def _check_version(self, response: requests.Response, is_write: bool) -> None:
        """A retired version is not refused but served as the oldest supported one (shopify.md 1.1)."""
        served = response.headers.get("X-Shopify-API-Version")
        if not served or served == self.api_version:
            return
        raise WrongVersion(
            f"{self.domain}: we speak Shopify's API version {self.api_version}, but {served} answered, because ours is "
            "no longer supported. Update tiposync, or set SHOPIFY_API_VERSION to a version that Shopify supports.",
            asked=self.api_version,
            served=served,
            outcome_unknown=is_write,
        )
