"""What is measured: how many clients, whole answers or streams, how fast. Pure."""

from msgspec import Struct

TOKENS = 200
PACE_MS = 20.0
CALLS = (1, 8, 64, 256)
STREAMS = (1, 64, 256, 1_000)
STARTS_PER_S = 500.0
"""Clients that begin within a second at most: what is measured is not their all coming at once."""
PACED_RAMP_S = 1.0
"""In which paced ones begin at least: their streams are to tick one after the other, and first bytes not to queue."""
WARM_S = 0.3
STEPS = 16
"""In which the first streams of the clients differ in length, so that later they end one after the other."""


class Scenario(Struct, frozen=True):
    """`tokens` None: whole answers. `delay_ms`: between two tokens of a stream."""

    name: str
    clients: int
    tokens: int | None = None
    delay_ms: float = 0.0
    warm_s: float = WARM_S
    """From the begin of the last client to the measurement."""
    varied: bool = True
    """Whether the first of paced streams differ in length."""

    @property
    def paced(self) -> bool:
        """Whether the engine is slower than anything between."""
        return self.delay_ms > 0

    @property
    def ramp_s(self) -> float:
        """In which the clients begin."""
        return max(PACED_RAMP_S if self.paced and self.clients > 1 else 0.0, self.clients / STARTS_PER_S)

    def first_tokens(self) -> tuple[int, ...]:
        """Lengths of the clients' first streams, by turns."""
        if self.tokens is None or not (self.paced and self.varied):
            return ()
        return tuple(max(1, self.tokens * step // STEPS) for step in range(1, STEPS + 1))


def calls(clients: int) -> Scenario:
    """Whole answers."""
    return Scenario(f"calls-{clients}", clients)


def full_speed(clients: int) -> Scenario:
    """Streams as fast as everybody between can."""
    return Scenario(f"streams-{clients}", clients, TOKENS)


def paced(clients: int) -> Scenario:
    """Streams of a fast model."""
    return Scenario(f"paced-{clients}", clients, TOKENS, PACE_MS)


def every_scenario() -> list[Scenario]:
    """Of the whole table."""
    return [make(number) for make, numbers in _KINDS for number in numbers]


_KINDS = ((calls, CALLS), (full_speed, STREAMS), (paced, STREAMS))


def quick_scenarios() -> list[Scenario]:
    """Those that the goals look at first."""
    return [calls(64), paced(64)]


def window_s(budget_s: float, cells: int, overhead_s: float, *, least_s: float, most_s: float) -> float:
    """How long one of `cells` may measure so that all of them fit into the budget; never less than `least_s`."""
    return max(least_s, min(most_s, budget_s / max(1, cells) - overhead_s))
