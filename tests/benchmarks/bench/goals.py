"""The goals of the hot path, and how far what was measured is from them. Pure.

Each is told of in each report: one that was not measured says what would measure it.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tests.benchmarks.bench.figures import Row, own_cpu
from tests.benchmarks.bench.rest import Resting
from tests.benchmarks.bench.scale import NODES, OPEN_STREAMS, Scale


class Goal(Struct, frozen=True, kw_only=True):
    """One of them. `at_least`: whether more is better."""

    name: str
    unit: str
    limit: float
    value: float | None
    """None: not measured."""
    at_least: bool = False
    by: str = ""
    """What has to be asked for, or there, to measure it."""

    @property
    def met(self) -> bool:
        """Whether it is known to be."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def words(self) -> str:
        """`met`, missed by how much, or how to measure it."""
        if self.value is None:
            return f"not measured: {self.by}"
        if self.met:
            return "met"
        if not self.limit or not self.value:
            return "missed"
        times = self.limit / self.value if self.at_least else self.value / self.limit
        return f"missed, {times:.2f} times off"


Value = Callable[[Row], float | None]
ROW_GOALS: tuple[tuple[str, str, str, str, float, bool, Value], ...] = (
    ("CPU of a call", "x nginx", "calls-64", "coordinator", 6.0, False, lambda row: row.cpu_to_nginx),
    ("calls/s", "of nginx", "calls-64", "coordinator", 0.25, True, lambda row: row.rate_to_nginx),
    ("CPU of a call", "x nginx", "calls-64", "gateway", 4.0, False, lambda row: row.cpu_to_nginx),
    ("added first byte, p50", "ms", "paced-64", "coordinator", 1.0, False, lambda row: _added(row, "p50")),
    ("added first byte, p99", "ms", "paced-64", "coordinator", 8.0, False, lambda row: _added(row, "p99")),
    ("CPU of a chunk", "x nginx", "paced-64", "coordinator", 2.5, False, lambda row: row.cpu_to_nginx),
    ("CPU of a chunk", "x nginx", "paced-1000", "coordinator", 2.5, False, lambda row: row.cpu_to_nginx),
    ("chunks/s", "of 50,000", "paced-1000", "coordinator", 0.99, True, lambda row: row.chunks_per_s / 50_000),
    ("errors", "", "paced-1000", "coordinator", 0.0, False, lambda row: float(sum(row.errors.values()))),
    ("between chunks, p99", "ms", "paced-1000", "coordinator", 30.0, False, lambda row: row.gap_p99_ms),
)
"""What, its unit, scenario, subject, limit, whether more is better, where it is in the row."""
NGINX = {"x nginx": " beside nginx", "of nginx": " beside nginx"}
"""Units that need it, and how that is said."""
PEER_GOALS = (("ollama-herd", 100.0), ("ollama-herd-quiet", 35.0))
"""Times the coordinator's CPU for a call."""
REST_IDLE = {"herd": 0.003, "herd-node": 0.005}
START_S = 0.7
REST_RSS_MB = 60.0


def _added(row: Row, name: str) -> float | None:
    return getattr(row.added_ms, name) if row.added_ms is not None else None


def goals(rows: Sequence[Row], scale: Scale | None, resting: Sequence[Resting]) -> list[Goal]:
    """All of them."""
    return [*_of_rows(rows), *_of_peers(rows), *_of_scale(scale), *_of_rest(resting)]


def _of_rows(rows: Sequence[Row]) -> Iterator[Goal]:
    found = {(row.scenario, row.subject): row for row in rows}
    for what, unit, scenario, subject, limit, at_least, value in ROW_GOALS:
        row = found.get((scenario, subject))
        yield Goal(
            name=f"{subject}, {scenario}: {what}",
            unit=unit,
            limit=limit,
            value=value(row) if row is not None else None,
            at_least=at_least,
            by=f"{scenario} through {subject}{NGINX.get(unit, '')}",
        )


def _of_peers(rows: Sequence[Row]) -> Iterator[Goal]:
    cpu = {row.subject: own_cpu(row) for row in rows if row.scenario == "calls-64"}
    ours = cpu.get("coordinator")
    for peer, limit in PEER_GOALS:
        theirs = cpu.get(peer)
        yield Goal(
            name=f"{peer}, calls-64: its CPU of a call",
            unit="x coordinator",
            limit=limit,
            value=theirs / ours if ours and theirs else None,
            at_least=True,
            by="--peers",
        )


def _of_scale(scale: Scale | None) -> Iterator[Goal]:
    nodes = f"{scale.nodes if scale else NODES:,} nodes"
    streams = f"{scale.streams_asked if scale else OPEN_STREAMS:,} open streams"
    values: tuple[float | None, ...] = (None,) * 4
    if scale:
        lost = scale.streams_asked - scale.streams_open + sum(scale.streams_errors.values())
        values = scale.ratio, scale.beat_us, float(lost), scale.streams_rss_mb
    limits = (
        (f"{nodes}: calls/s", "of one node's", 0.7, True),
        (f"{nodes}: CPU of a beat", "us", 150.0, False),
        (f"{streams}: not open", "", 0.0, False),
        (f"{streams}: RSS", "MB", 250.0, False),
    )
    for (name, unit, limit, at_least), value in zip(limits, values, strict=True):
        yield Goal(name=name, unit=unit, limit=limit, value=value, at_least=at_least, by="--scale")


def _of_rest(resting: Sequence[Resting]) -> Iterator[Goal]:
    measured = {each.program: (each.start_s, each.rss_mb, each.idle * 100) for each in resting}
    nothing: tuple[float | None, ...] = (None,) * 3
    for program, idle in REST_IDLE.items():
        limits = (
            ("first answer", "s", START_S),
            ("RSS at rest", "MB", REST_RSS_MB),
            ("idle", "% of a core", idle * 100),
        )
        for (what, unit, limit), value in zip(limits, measured.get(program, nothing), strict=True):
            yield Goal(name=f"{program}: {what}", unit=unit, limit=limit, value=value, by="--rest")
