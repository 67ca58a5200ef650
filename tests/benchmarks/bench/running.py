"""Measures every subject under every scenario, by turns: what the machine does besides hits all of them alike."""

import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tests.benchmarks.bench.asking import ask, told
from tests.benchmarks.bench.figures import Cell
from tests.benchmarks.bench.load import Load, Plan, Seen
from tests.benchmarks.bench.messages import request
from tests.benchmarks.bench.processes import NotReady, until
from tests.benchmarks.bench.scenarios import Scenario
from tests.benchmarks.bench.subjects import Subject

QUIET_S = 15.0
"""In which the streams that a measurement left must have ended."""


class Measured(Struct):
    """CPU and memory at the two ends of one measurement."""

    subject: Subject
    cpu_s: dict[str, float] = {}
    rss_bytes: dict[str, int] = {}

    def begin(self) -> None:
        """Reads the counters."""
        self.cpu_s = {name: -value for name, value in self._now().items()}

    def end(self) -> None:
        """Reads them again: what is left is what was used between."""
        for name, value in self._now().items():
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + value
        self.rss_bytes = {each.name: each.rss_bytes() for each in self.subject.programs}

    def _now(self) -> dict[str, float]:
        return {each.name: each.cpu_s() for each in self.subject.programs} | {"load": time.process_time()}


def plan_for(subject: Subject, scenario: Scenario, seconds: float) -> Plan:
    """What the clients do."""
    host, _, port = subject.url.removeprefix("http://").partition(":")

    def call(tokens: int | None) -> bytes:
        return request(
            subject.dialect,
            f"{host}:{port}",
            tokens=tokens,
            prefix=subject.prefix,
            headers=subject.headers,
        )

    first = scenario.first_tokens()
    return Plan(
        host=host,
        port=int(port),
        clients=scenario.clients,
        request=call(scenario.tokens),
        tokens=scenario.tokens,
        first_requests=tuple(call(tokens) for tokens in first),
        first_tokens=first,
        ramp_s=scenario.ramp_s,
        warm_s=scenario.warm_s,
        seconds=seconds,
    )


def measure(engine_url: str, subject: Subject, scenario: Scenario, seconds: float) -> Cell:
    """One cell. Raises NotReady where streams of the one before do not end."""
    ask(engine_url, f"/bench?delay_ms={scenario.delay_ms:g}", "POST")
    until(lambda: quiet(engine_url), "the engine's rest", QUIET_S)
    measured = Measured(subject)
    seen = Load(plan_for(subject, scenario, seconds)).run(measured.begin, measured.end)
    return cell(subject, scenario, seen, measured)


def quiet(engine_url: str) -> bool:
    """Whether no stream runs."""
    state = told(engine_url, "/bench")
    return state is not None and state["streams"] == 0


def cell(subject: Subject, scenario: Scenario, seen: Seen, measured: Measured) -> Cell:
    """In the words of the table."""
    return Cell(
        subject=subject.name,
        scenario=scenario.name,
        own=subject.own,
        seconds=seen.seconds,
        calls=seen.calls,
        tokens=seen.tokens,
        first_byte_s=seen.first_byte_s,
        gaps_s=seen.gaps_s if scenario.paced else (),
        cpu_s=measured.cpu_s,
        rss_bytes=measured.rss_bytes,
        errors=dict(seen.errors),
        open_calls=seen.open_calls if scenario.tokens else 0,
    )


def rounds(
    engine_url: str,
    subjects: Sequence[Subject],
    scenarios: Sequence[Scenario],
    *,
    count: int,
    seconds: float,
    deadline: float,
    tell: Callable[[str], None],
    left_out: Callable[[str], None],
) -> Iterator[Cell]:
    """Each round all scenarios, each with all subjects, in another order each time. `deadline` on the monotonic clock:
    past it nothing more is begun. `left_out` hears of that, and of what cannot be measured.
    """
    for number in range(count):
        for scenario in scenarios:
            turn = (number + scenarios.index(scenario)) % len(subjects)
            for subject in [*subjects[turn:], *subjects[:turn]]:
                if time.monotonic() >= deadline:
                    left_out(f"out of time in round {number + 1} of {count}, at {scenario.name}")
                    return
                tell(f"round {number + 1}/{count} {scenario.name} {subject.name}")
                try:
                    yield measure(engine_url, subject, scenario, seconds)
                except NotReady as error:
                    left_out(f"{scenario.name} {subject.name}: {error}")
