"""What to believe of a level, and what to write: pure functions over whole numbers.

Two-way stock is carried as changes. With baselines s0, d0 (the values at which both sides were last in step, corrected
by what was carried since) and observed s, d, the source's own change is s - s0 and the destination's d - d0; each is
carried to the other side once. Wrong intermediate readings cancel out: the changes telescope to the final value.
"""

import enum
from dataclasses import dataclass, replace
from datetime import datetime


class Verdict(enum.Enum):
    """What a reading does to the mirror of a level."""

    NOTHING = "nothing"
    ACCEPT = "accept"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Mirror:
    """What we believe of a level. `available` None: unknown or not counted. `as_of`: Shopify's clock, to the second.

    `doubt_as_of` is the instant, by Shopify's clock, that a doubt is about; None while doubtful: nobody knows it, so
    only a live read ends the doubt, one that was asked for at `doubt_version` or later. `overtaken_as_of` is the latest
    instant that was doubted, too, since such a doubt arose.
    """

    available: int | None
    as_of: datetime | None
    is_doubtful: bool = False
    version: int = 0
    doubt_as_of: datetime | None = None
    doubt_version: int = 0
    overtaken_as_of: datetime | None = None

    @property
    def doubts_without_instant(self) -> bool:
        return self.is_doubtful and self.doubt_as_of is None


def latest(*instants: datetime | None) -> datetime | None:
    """The latest of these instants, of those that are known."""
    return max((instant for instant in instants if instant is not None), default=None)


def doubt_instant(mirror: Mirror, about: datetime | None) -> datetime | None:
    """What the mirror's doubt is about from now on, when one arises about the instant `about` (None: not known)."""
    if mirror.is_doubtful and (mirror.doubt_as_of is None or about is None):
        return None
    return latest(mirror.doubt_as_of if mirror.is_doubtful else None, about)


def raise_doubt(mirror: Mirror, about: datetime | None) -> Mirror:
    """The mirror with a doubt about the instant `about`; None: it is not known."""
    if mirror.doubts_without_instant and about is not None:
        return replace(mirror, overtaken_as_of=latest(mirror.overtaken_as_of, about))
    version = mirror.version + 1 if about is None else 0
    as_of = doubt_instant(mirror, about)
    return replace(mirror, is_doubtful=True, doubt_as_of=as_of, doubt_version=version, overtaken_as_of=None)


def keep_doubt(mirror: Mirror, read_as_of: datetime | None, asked_version: int) -> Mirror:
    """The mirror after a live answer that did not end its doubt, for it was overtaken.

    Whatever a doubt without an instant was about had happened when an answer was asked for after it arose: what is
    from after the answer's own instant, and after what overtook it, will end the doubt. So a level of which a webhook
    arrives during every read is not doubted for ever.
    """
    if mirror.doubts_without_instant and asked_version >= mirror.doubt_version and read_as_of is not None:
        about = latest(mirror.overtaken_as_of, read_as_of, mirror.as_of)
        return replace(mirror, doubt_as_of=about, doubt_version=0, overtaken_as_of=None)
    return raise_doubt(mirror, latest(mirror.as_of, mirror.doubt_as_of))


def judge_hint(mirror: Mirror, available: int | None, as_of: datetime) -> Verdict:
    """A value that travelled (webhook, bulk file): newer ones are taken, older ones that differ prove nothing.

    Newer than what the mirror shows, and than what its doubt is about: a value from before our own write, say, does not
    end the doubt which that write raised. Shopify's clock has whole seconds and a webhook's body may be younger than
    its time stamp, so the same second with another value is doubt, too. A value equal to the mirror's costs nothing:
    it is our own echo nearly always, and where it is not, that echo or the next comparison tells.
    """
    if mirror.is_doubtful and mirror.doubt_as_of is None:
        is_new = mirror.as_of is None or as_of > mirror.as_of
        # It tells of a change that a live read which is under way now may not show: that one must not end the doubt.
        return Verdict.DOUBT if is_new or available != mirror.available else Verdict.NOTHING
    known_until = latest(mirror.as_of, mirror.doubt_as_of if mirror.is_doubtful else None)
    if known_until is None or as_of > known_until:
        return Verdict.ACCEPT
    return Verdict.NOTHING if available == mirror.available else Verdict.DOUBT


def judge_live(mirror: Mirror, available: int | None, as_of: datetime | None, asked_version: int) -> Verdict:
    """A value that we asked for: true, unless the mirror moved on while we waited for the answer.

    Doubt that arose meanwhile stays: the answer may be from before what caused it, unless the answer's instant is later
    than that of everything doubted. An answer that was overtaken and says the same, or is from an earlier second,
    changes NOTHING: its instant may be before that of our own write. `as_of` None: there is no level, or none that
    counts, so nothing tells whether the answer is from before or after.
    """
    if mirror.is_doubtful and mirror.version != asked_version:
        about = mirror.doubt_as_of
        if about is None and asked_version >= mirror.doubt_version:
            about = mirror.overtaken_as_of
        about = latest(about, mirror.as_of) if about is not None else None
        return Verdict.ACCEPT if about is not None and as_of is not None and as_of > about else Verdict.DOUBT
    if mirror.version == asked_version or mirror.as_of is None or (as_of is not None and as_of > mirror.as_of):
        return Verdict.ACCEPT
    is_older = as_of is not None and as_of < mirror.as_of
    return Verdict.NOTHING if is_older or available == mirror.available else Verdict.DOUBT


def live_instant(mirror: Mirror, as_of: datetime | None, answered_at: datetime | None) -> datetime | None:
    """The instant of a live value that is taken: the level's own, or a later one that we knew of already.

    `answered_at` is Shopify's clock when it answered. What lies beyond it was never an instant of Shopify's: a level
    must not be deaf to webhooks until then. A level that is not there has no instant: what travels from before the
    answer would bring it back.
    """
    known = mirror.as_of
    if known is not None and answered_at is not None and known > answered_at:
        known = None
    return latest(as_of or answered_at, known)


def judge_own_write(mirror: Mirror, change_from: int, from_as_of: datetime | None, at: datetime | None) -> Verdict:
    """What a write of ours that had taken effect at `at` (Shopify's clock; None: unknown) says of the level.

    ACCEPT: the mirror is still what the write started from, so it is change_to now. NOTHING: it is of a later second,
    and shows our write. DOUBT: it changed in between, before ours or after. That it has the very value that we wrote
    proves nothing within one second: a customer who bought just before us leaves that value, too.
    """
    if mirror.available == change_from and mirror.as_of == from_as_of and not mirror.is_doubtful:
        return Verdict.ACCEPT
    is_later = at is not None and mirror.as_of is not None and mirror.as_of > at
    return Verdict.NOTHING if is_later and mirror.available is not None else Verdict.DOUBT


@dataclass(frozen=True, slots=True)
class TwoWayPlan:
    """Units to add to each side; 0 means nothing to do there."""

    source_delta: int
    destination_delta: int


def plan_two_way(source_baseline: int, destination_baseline: int, source: int, destination: int) -> TwoWayPlan:
    """Carry each side's own change since the baselines to the other side."""
    return TwoWayPlan(source_delta=destination - destination_baseline, destination_delta=source - source_baseline)


def first_baselines(source: int, destination: int, source_wins: bool) -> tuple[int, int]:
    """The baselines a two-way pair starts with, from two live readings.

    Source wins: as if both had stood at the destination's value and the source had changed to its own since. The
    alignment is then an ordinary carried change, and a sale in the middle of it counts like any other. Keep both: both
    stand where they are, and only what comes later travels.
    """
    return (destination, destination) if source_wins else (source, destination)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a one-way destination is offered of the source's quantity."""

    safety_buffer: int = 0
    cap_quantity: int | None = None
    percentage: int = 100


def offer(source_total: int, rule: Rule) -> int:
    """The destination's quantity for this source quantity. Oversold (below 0) is passed on as it is, never hidden."""
    if source_total <= 0:
        return source_total
    quantity = max(0, source_total * rule.percentage // 100 - rule.safety_buffer)
    return quantity if rule.cap_quantity is None else min(quantity, rule.cap_quantity)


class OneWayStep(enum.Enum):
    """What a one-way destination level needs."""

    IN_STEP = "in_step"
    WRITE = "write"
    KEEP = "keep"
    DRIFTED = "drifted"


def plan_one_way(
    source_total: int,
    target: int,
    destination: int,
    *,
    source_baseline: int | None,
    destination_baseline: int | None,
    keeps_destination: bool = False,
    corrects_drift: bool = False,
) -> OneWayStep:
    """Bring the destination to `target`, or say why not.

    The baselines are the source total and the destination value of the last time both were in step (None before the
    first; the destination's also since an order of it was seen). A destination that changed by itself has drifted; it
    is corrected at the next source change, or now if `corrects_drift`.
    """
    if destination == target:
        return OneWayStep.IN_STEP
    source_is_unchanged = source_baseline is not None and source_total == source_baseline
    if keeps_destination and source_is_unchanged:
        return OneWayStep.KEEP
    if source_is_unchanged and target == destination_baseline and not corrects_drift:
        return OneWayStep.DRIFTED
    return OneWayStep.WRITE
