"""How busy the owner is at each hour of the week, as decayed means: no reading is kept, whatever time passes. Pure."""

import time
from typing import Annotated

from msgspec import Meta, Struct

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SLOTS = len(DAYS) * 24
DAY_S = 86_400.0
HALF_LIFE_S = 15 * DAY_S
"""After so long a reading counts half."""
SAMPLE_S = 5.0
"""What one sample stands for: readings of other lengths count in proportion."""
MOST = 1e9
MOST_DAYS = 1e6
"""What the wire takes."""

Figure = Annotated[float, Meta(ge=0, le=MOST)]
Moment = Annotated[float, Meta(ge=-1e12, le=1e12)]


class Slot(Struct, array_like=True, forbid_unknown_fields=True):
    """One hour of the week."""

    use_pct: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Mean."""
    samples: Figure = 0.0
    """How many it is made of, each by its age at `at`."""
    at: Moment = 0.0
    """The last one, in seconds since the epoch."""


class Week(Struct):
    """What was learned; also the content of the file."""

    first_at: Moment
    """When learning began, in seconds since the epoch."""
    slots: Annotated[list[Slot], Meta(min_length=SLOTS, max_length=SLOTS)]
    """By `slot_of`."""
    version: int = 1


def new_week(now: float) -> Week:
    """Nothing is known yet. `now`: seconds since the epoch, as everywhere here."""
    return Week(now, [Slot() for _ in range(SLOTS)])


def slot_of(local: time.struct_time) -> int:
    """0 is Monday from midnight; the hours are those of the owner's clock, also where that is put forward or back."""
    return local.tm_wday * 24 + local.tm_hour


def samples_at(slot: Slot, now: float) -> float:
    """What its samples still count. A clock that went back makes none younger."""
    age = now - slot.at
    return slot.samples * 0.5 ** (age / HALF_LIFE_S) if age > 0 else slot.samples


def learn(slot: Slot, use_pct: float, seconds: float, now: float) -> None:
    """One more reading, that covers so many seconds."""
    kept = samples_at(slot, now)
    new = seconds / SAMPLE_S
    total = kept + new
    if total <= 0:
        return
    slot.use_pct += (use_pct - slot.use_pct) * new / total
    slot.samples, slot.at = min(total, MOST), now


def days_observed(week: Week, now: float) -> float:
    """Since the first reading; 0 where the clock went back behind it."""
    return min(MOST_DAYS, max(0.0, (now - week.first_at) / DAY_S))


def mean_samples(week: Week, now: float) -> float:
    """Of all slots."""
    return sum(samples_at(slot, now) for slot in week.slots) / len(week.slots)


class Hour(Struct, frozen=True):
    """One hour of the week, for a person."""

    slot: int
    day: str
    hour: int
    use_pct: float
    samples: float
    """0: nothing is known."""


def hours(week: Week, now: float) -> list[Hour]:
    """All of them, Monday's first."""
    return [
        Hour(
            number,
            DAYS[number // 24],
            number % 24,
            round(slot.use_pct, 1),
            round(samples_at(slot, now), 1),
        )
        for number, slot in enumerate(week.slots)
    ]
