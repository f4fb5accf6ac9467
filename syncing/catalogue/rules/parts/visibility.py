"""Where a product is on sale, pure: only while, and not before, its source is published on any of its channels."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stores.shopify.products.product_records import ProductRecord
from syncing.catalogue.rules.fields import CREATE_ONLY, Action, Difference, Field, Judge
from syncing.catalogue.rules.parts.made import Desired

NOW = "now"
SOLD = frozenset({"ACTIVE", "UNLISTED"})
# In ProductLink.written: the channels that it goes on once its source is published.
WAITING = "channels that wait"


def visibility_of(source: ProductRecord) -> str:
    """NOW while it is published on any channel, the first instant from which on it will be, '' where it is on none."""
    if source.status not in SOLD:
        return ""
    return NOW if source.publication_gids else min((at for _, at in source.scheduled), default="")


def words_of(seen: str) -> str:
    """Why something is not on sale, for people."""
    return f"In the source it is on sale from {seen} on." if seen else "In the source it is on sale on no channel."


@dataclass(frozen=True)
class _Channels:
    """What a product is on now, and what it is planned for: channel -> instant."""

    now: frozenset[str]
    planned: Mapping[str, str]

    @property
    def value(self) -> list[str]:
        """What compares, and is remembered."""
        return sorted(self.now) + sorted(f"{gid} {at}" for gid, at in self.planned.items())

    @property
    def words(self) -> str:
        """For people."""
        planned = f"on {len(self.planned)} from {min(self.planned.values())}" if self.planned else ""
        now = f"on {len(self.now)} now" if self.now or not planned else ""
        return ", ".join(filter(None, (now, planned)))


def plan_channels(
    source: ProductRecord,
    destination: ProductRecord | None,
    judge: Judge,
    made: Desired,
    schedulable: Collection[str],
    *,
    may_hide: bool,
) -> None:
    """Put into `made` what is to be published, planned and taken off.

    `schedulable` are the destination's channels that take an instant; for the others somebody must look again
    (`made.due_at`). `may_hide`: whether what is on sale may be taken off, else it is left as it is.
    """
    policy, memory, is_new = judge.policy, judge.written, destination is None
    seen = visibility_of(source)
    made.is_hidden = seen != NOW
    present = _Channels(frozenset(), {})
    if destination:
        present = _Channels(frozenset(destination.publication_gids), dict(destination.scheduled))
    waiting = list(memory.get(WAITING, ()))
    if not policy.sets(Field.PUBLISHING, is_new=is_new):
        if policy.of(Field.PUBLISHING) == CREATE_ONLY and waiting and seen == NOW:
            _complete_creation(made, memory, present)
        made.due_at = seen if waiting and made.is_hidden else ""
        return
    made.due_at = seen if made.is_hidden else ""
    chosen = [*policy.publication_gids, *(gid for gid in waiting if gid not in policy.publication_gids)]
    wanted = _wanted(chosen, present, seen, schedulable)
    if present.now and not wanted.now and not may_hide:
        return
    if is_new:
        judge.set_anew(Field.PUBLISHING, wanted.value, memory)
    elif not _is_to_write(judge, wanted, present):
        return
    made.hides = bool(present.now and not wanted.now)
    made.publish = tuple(gid for gid in chosen if gid in wanted.now - present.now)
    stays = wanted.now | {gid for gid in wanted.planned if gid not in present.now}
    made.unpublish = tuple(sorted((present.now | present.planned.keys()) - stays))
    made.schedule = {gid: at for gid, at in wanted.planned.items() if present.planned.get(gid) != at}
    memory.pop(WAITING, None)
    if to_wait := _to_wait(chosen if seen else waiting, present, wanted, seen):
        memory[WAITING] = to_wait
    if made.hides:
        made.notes.append(f"Taken off sale. {words_of(seen)}")


def _complete_creation(made: Desired, memory: dict[str, Any], present: _Channels) -> None:
    """It goes on the channels that it has waited for since it was made."""
    made.publish = tuple(gid for gid in memory.pop(WAITING) if gid not in present.now)
    _note_difference(made, _Channels(present.now | set(made.publish), {}), present)


def _wanted(chosen: Iterable[str], present: _Channels, seen: str, schedulable: Collection[str]) -> _Channels:
    if seen == NOW:  # channels that the destination has chosen itself stay
        now = present.now | set(chosen)
        return _Channels(now, {gid: at for gid, at in present.planned.items() if gid not in now})
    planned = {gid: seen for gid in (*chosen, *sorted(present.now)) if gid in schedulable} if seen else {}
    return _Channels(frozenset(), planned)


def _to_wait(chosen: Iterable[str], present: _Channels, wanted: _Channels, seen: str) -> list[str]:
    """What comes back, or begins, with its source, as far as nobody has planned it."""
    if seen == NOW:
        return []
    return sorted({*chosen, *present.now} - wanted.planned.keys())


def _is_to_write(judge: Judge, wanted: _Channels, present: _Channels) -> bool:
    memory, name = judge.written, str(Field.PUBLISHING)
    if name in memory:  # an instant that we planned has come
        known = {each: each.partition(" ")[0] for each in memory[name]}
        memory[name] = sorted({gid if gid in present.now else each for each, gid in known.items()})
    return judge.judge(Field.PUBLISHING, wanted.value, present.value, memory, shown=(wanted.words, present.words))


def _note_difference(made: Desired, wanted: _Channels, present: _Channels) -> None:
    difference = Difference(str(Field.PUBLISHING), "", wanted.words, present.words, CREATE_ONLY, str(Action.WRITE))
    made.differences.append(difference)
