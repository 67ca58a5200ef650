"""Learns the owner's use and judges what is left for the fleet. Pure: both clocks are arguments."""

from msgspec import Struct
from msgspec.structs import replace

from agent.capacity import judgement, slots
from agent.capacity.judgement import Override, tier
from agent.capacity.recent import Reading, Recent
from agent.capacity.slots import Week
from shared.wire import Capacity

EARLIEST = 1_600_000_000.0
"""2020: a clock that shows less has not been set yet."""
LATEST = 1e12
"""What the wire takes."""
LONGEST_S = 60.0
"""A longer gap between two readings was not observed: the machine slept."""


class Moment(Struct, frozen=True):
    """One moment by three clocks."""

    steady: float
    """Seconds; never goes back."""
    wall: float
    """Seconds since the epoch; may be set."""
    slot: int
    """Hour of the owner's week."""


class Wish(Struct, frozen=True):
    """What somebody wants, whatever was learned; `until` in seconds since the epoch, None: for good."""

    mode: Override
    until: float | None = None


class Learner:
    """`week` is changed in place."""

    def __init__(self, week: Week) -> None:
        self.week = week
        self._recent = Recent()

    def observe(self, use_pct: float, seconds: float, now: Moment) -> None:
        """The owner took that share of the machine in the `seconds` before `now`."""
        if seconds > LONGEST_S:
            self._recent.forget()
            return
        self._recent.observe(Reading(now.steady, seconds, use_pct))
        if now.wall < EARLIEST:
            return
        self.week.first_at = min(self.week.first_at, now.wall)
        slots.learn(self.week.slots[now.slot], use_pct, seconds, now.wall)

    def judge(self, now: Moment, memory_pct: float, memory_bytes: int) -> Capacity:
        """1. The owner works the machine hard. 2. Too little is known: all of it. 3. By what was learned.

        `memory_pct`: the owner's, of the host; `memory_bytes`: all of the memory where models live, 0: not known yet.
        """
        week, recent = self.week, self._recent
        days = slots.days_observed(week, now.wall)
        known = Capacity(
            mode="bootstrap",
            reason="bootstrap_observation_period",
            trend=-recent.trend(),
            confidence=judgement.confidence(days, slots.mean_samples(week, now.wall)),
            days_observed=days,
        )
        if recent.worked_hard():
            ceiling = (
                judgement.bounded(memory_bytes, judgement.HIGH_USE_GIB, judgement.HIGH_USE_SHARE) or None
            )
            return replace(
                known,
                mode="paused",
                reason="sustained_high_use",
                ceiling_bytes=ceiling,
                availability=judgement.HIGH_USE_SCORE,
            )
        if days < judgement.BOOTSTRAP_DAYS:
            return known
        return self._by_history(known, now, memory_pct, memory_bytes)

    def _by_history(self, known: Capacity, now: Moment, memory_pct: float, memory_bytes: int) -> Capacity:
        slot, use_pct = self.week.slots[now.slot], self._recent.use_pct()
        sure = judgement.certainty(slots.samples_at(slot, now.wall))
        score = judgement.availability(slot.use_pct, use_pct, memory_pct, self._recent.trend(), sure)
        found = tier(score)
        ceiling = judgement.ceiling_bytes(score, memory_bytes) if memory_bytes else None
        busy = "historically_busy_slot" if slot.use_pct * sure >= use_pct else "currently_busy"
        return replace(
            known,
            mode=found.mode,
            reason=found.reason or busy,
            ceiling_bytes=ceiling,
            availability=score,
        )


def overridden(
    learned: Capacity | None, wish: Wish | None, memory_bytes: int, wall: float
) -> Capacity | None:
    """A person's word, while it holds, outranks all that was learned; `memory_bytes` as in `judge`."""
    if wish is None or (wish.until is not None and wish.until <= wall):
        return learned
    paused = wish.mode == "paused"
    if learned is None and not paused:
        return None
    return Capacity(
        mode=wish.mode,
        ceiling_bytes=0 if paused else int(memory_bytes * judgement.FULL_SHARE) or None,
        availability=0.0 if paused else 1.0,
        trend=learned.trend if learned else 0.0,
        reason="manual_override",
        override=True,
        until=min(wish.until, LATEST) if wish.until is not None else None,
        confidence=learned.confidence if learned else 0.0,
        days_observed=learned.days_observed if learned else 0.0,
    )
