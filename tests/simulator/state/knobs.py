"""What a test can switch on for one shop, and what it can count afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Knobs:
    """What a test can switch on for one shop; numbers of rows are those of tests/simulator/README.md."""

    pretend_version: str | None = None  # row 2: the version that really serves, whatever the path says
    replay_mode: str = "live"  # row 16: live | docs
    execution_seconds: float = 0.0  # row 16: a mutation takes this long while its key counts as running
    plan: str = "BASIC"  # row 7: shown as the shop's plan
    bucket_size: float = 2000.0  # row 8
    restore_rate: float = 100.0  # row 8, points a second
    add_instead_of_set: bool = False  # row 22: the reported bug of sets at unstocked locations
    routing: str = "stocked"  # row 26: stocked | default
    fulfilled_at: str = "routed"  # row 26: routed | location: where a fulfilled orderCreate takes its units [?]
    search_lag_seconds: float = 0.0  # row 14: every list with a query; none without, and nothing that is read by its id
    tells_the_time: bool = True  # the Date header of answers
    publishing_tells: bool = True  # row 34: products/update comes for a change of channels [?]
    drafts_are_staged: bool = True  # row 34: a product that is no longer active is on its channels, not published [?]
    totals_lag_seconds: float = 0.0  # row 35
    job_seconds: float = 1.0  # rows 30, 48: until a job, a cancellation or a product operation is done
    job_results: bool = True  # row 48: False: orderCancel's `jobResult` is null, only its job tells
    tracking_shows_transit: bool = False  # row 62: a change of the tracking turns displayStatus to IN_TRANSIT
    exchanges_are_edits: bool = True  # row 64: orders/edited comes for an exchange [?]
    edit_session_seconds: float = 3600.0  # row 67: after that a calculated order is gone [?]
    edits_conflict: bool = True  # row 67: a session is refused when the order was edited since it began [?]
    edits_split_lines: bool = False  # row 67: further units of a line become a line of their own [?]
    edits_need_stock: bool = False  # row 67: units that are not there cannot be added, unless they may be oversold [?]
    edits_follow_location: bool = False  # row 67: locationId decides where an added line ships from, not routing [?]
    edits_notify: bool = False  # row 67: orderEditCommit without notifyCustomer tells the customer [?]
    edits_tell_below_zero: bool = False  # row 67: orders/edited tells units that were taken off with a minus [?]
    empty_edits: bool = False  # row 67: a session without a change can be committed [?]
    edit_currency: str = "presentment"  # row 67: presentment | shop: the currency of an edit's amounts [?]
    edit_tax_rate: str | None = None  # row 67: Shopify's own taxes on lines that an edit adds, "0.19"
    payment_methods: str | None = None  # row 68: the names that a manual payment may have, "Cash,Other"; None: any [?]
    moves_touch_orders: bool = True  # row 69: orders/updated comes for a fulfillment order that is moved [?]
    moves_need_stock: bool = False  # row 69: units can only move to where there are enough of them [?]
    returns_lower: str = "process"  # row 70: process | refund: when units that come back leave the order [?]
    deletes_restock: bool = False  # row 71: units of a deleted order that were to ship go back on sale [?]
    ships_everything: bool = False  # row 57: lines that need no shipping are UNFULFILLED in a fulfilment order, too [?]
    cancel_restocks_shipped: bool = True  # row 47: shipped units of an unpaid order go back on sale with `restock`
    job_error: str | None = None  # row 30: the next jobs fail, with this message where there is room for one
    media_seconds: float = 0.0  # row 31: half of it UPLOADED, half PROCESSING
    media_fails: bool = False  # row 31: every download fails
    media_error: str | None = None  # row 31: "clip.mp4=VIDEO_MAX_DURATION_ERROR": what is named so cannot be processed
    refused_media: str | None = None  # row 31: "VIDEO,MODEL_3D": kinds that the plan does not allow
    most_videos: int | None = None  # row 31: videos and models that a store may have
    fetches_videos: bool = False  # row 31: the foreign address of a video is taken, and fails later [?]
    uploads_fail: int | None = None  # row 31: the status that staged uploads are answered with
    local_addresses: bool = True  # row 42: http://127.0.0.1 is an acceptable webhook address
    serialise_delay_seconds: float | None = 0.0  # row 37; None: body built at the event itself
    deliver_delay_seconds: tuple[float, float] = (0.0, 0.0)  # row 38: drawn evenly from this range
    duplicate_probability: float = 0.0  # row 38
    drop_probability: float = 0.0  # row 38
    shuffle_window: int = 0  # row 38: deliveries leave in random order within windows of this many
    manual_deliveries: bool = False  # row 38: nothing is sent until pump()
    corrupt_signature: bool = False  # row 39
    orders_per_minute: int | None = None  # row 27: 5 on trial and development stores, by orderCreate
    metaobject_handles: str = "number"  # row 77: number | refuse: what becomes of a handle that is taken [?]
    metaobject_fields_are_defined: bool = False  # row 77: references to metaobjects need a definition [?]
    unique_custom_ids: bool = True  # row 28: a second order with the same custom id is refused [?]
    draft_ready_seconds: float = 0.0  # row 29: a draft's totals are computed this long after it was made or changed
    draft_tax_rate: str | None = None  # row 29: Shopify's own taxes on drafts that are not exempt, "0.19"
    drafts_find_customers: bool = True  # row 50: a draft's or an order's e-mail brings its customer, found or new
    names_refused_fields: bool = True  # row 50: False: what refuses a contact stands in the message alone [?]
    protected_data: bool = True  # row 45: False: customers, addresses, e-mails and phones are null
    scopes_granted: str | None = None  # row 72: "read_products,…": no others are granted, whatever is asked; None: all
    cancel_tells: bool = False  # row 72: “Cancel” leads back to the app with error=access_denied [?]
    callback_encodes: bool = False  # row 72: the signature of the way back is of the encoded values [?]
    refresh_rotation: str = "until_used"  # row 73: until_used | at_once: when a used refresh token is dead
    refused_refresh: str = "invalid_grant"  # row 73: invalid_grant (400) | invalid_request (401) [?]
    closed_levels: str = "inactive"  # row 46: gone | inactive | kept: what a closed location leaves of its levels [?]
    new_variants_per_day: int | None = None  # row 53: by the API; more are VARIANT_THROTTLE_EXCEEDED until tomorrow
    bulk_delay_seconds: float = 0.0  # row 44
    bulk_link_seconds: float = 1800.0  # row 44: life of a signed result link
    bulk_loses: str | None = None  # row 44: lines of bulk queries with this text are counted, and not in the file
    bulk_leaves_out: str | None = None  # row 44: and these not even counted, as where an index lags
    bulk_line_seconds: float = 0.0  # row 78: what each line of a bulk mutation takes
    bulk_first_line: int = 0  # row 78: the number of a file's first line in the result [?]
    bulk_file_bytes: int = 100_000_000  # row 78: the largest file
    bulk_refuses: str | None = None  # row 78: a BulkMutationErrorCode that every bulk mutation is refused with
    bulk_fails: str | None = None  # row 78: "TIMEOUT:10": bulk mutations fail after so many lines


@dataclass(slots=True)
class Counters:
    """What happened in a shop since the last reset; seconds are the simulator's own, to be subtracted by benchmarks."""

    requests: int = 0
    throttled: int = 0
    points: float = 0.0
    rows_written: int = 0
    uploads: int = 0  # files that were sent to a staged place
    own_seconds: float = 0.0
    operations: Counter = field(default_factory=Counter)  # root field name -> calls that were executed
    bulk_lines: Counter = field(default_factory=Counter)  # the same of lines of bulk mutations
    faults: Counter = field(default_factory=Counter)
    webhooks: Counter = field(default_factory=Counter)  # topic -> attempts that were sent
    deliveries: Counter = field(default_factory=Counter)  # delivered | failed | dropped | duplicated | abandoned
