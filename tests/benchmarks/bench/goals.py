"""The goals of the hot path, and how far what was measured is from them. Pure."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tests.benchmarks.bench.figures import Row, own_cpu
from tests.benchmarks.bench.rest import Resting
from tests.benchmarks.bench.scale import Scale


class Goal(Struct, frozen=True, kw_only=True):
    """One of them. `at_least`: whether more is better."""

    name: str
    unit: str
    limit: float
    value: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def words(self) -> str:
        """`met`, or missed by how much."""
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
PEER_GOALS = (("ollama-herd", 100.0), ("ollama-herd-quiet", 35.0))
"""Times the coordinator's CPU for a call."""
REST_IDLE = {"herd": 0.003, "herd-node": 0.005}
START_S = 0.7
REST_RSS_MB = 60.0


def _added(row: Row, name: str) -> float | None:
    return getattr(row.added_ms, name) if row.added_ms is not None else None


def goals(rows: Sequence[Row], scale: Scale | None, resting: Sequence[Resting]) -> list[Goal]:
    """Of all that was measured; the others are left out."""
    return [*_of_rows(rows), *_of_peers(rows), *(_of_scale(scale) if scale else ()), *_of_rest(resting)]


def _of_rows(rows: Sequence[Row]) -> Iterator[Goal]:
    found = {(row.scenario, row.subject): row for row in rows}
    for what, unit, scenario, subject, limit, at_least, value in ROW_GOALS:
        row = found.get((scenario, subject))
        if row is not None and (told := value(row)) is not None:
            name = f"{subject}, {scenario}: {what}"
            yield Goal(name=name, unit=unit, limit=limit, value=told, at_least=at_least)


def _of_peers(rows: Sequence[Row]) -> Iterator[Goal]:
    cpu = {row.subject: own_cpu(row) for row in rows if row.scenario == "calls-64"}
    ours = cpu.get("coordinator")
    for peer, limit in PEER_GOALS:
        theirs = cpu.get(peer)
        if ours and theirs:
            name = f"{peer}, calls-64: its CPU of a call"
            yield Goal(name=name, unit="x coordinator", limit=limit, value=theirs / ours, at_least=True)


def _of_scale(scale: Scale) -> Iterator[Goal]:
    nodes = f"{scale.nodes:,} nodes"
    yield Goal(name=f"{nodes}: calls/s", unit="of one node's", limit=0.7, value=scale.ratio, at_least=True)
    yield Goal(name=f"{nodes}: CPU of a beat", unit="us", limit=150.0, value=scale.beat_us)
    streams = f"{scale.streams_asked:,} open streams"
    dropped = scale.streams_asked - scale.streams_open + sum(scale.streams_errors.values())
    yield Goal(name=f"{streams}: not open", unit="", limit=0.0, value=float(dropped))
    yield Goal(name=f"{streams}: RSS", unit="MB", limit=250.0, value=scale.streams_rss_mb)


def _of_rest(resting: Sequence[Resting]) -> Iterator[Goal]:
    for each in resting:
        yield Goal(name=f"{each.program}: first answer", unit="s", limit=START_S, value=each.start_s)
        yield Goal(name=f"{each.program}: RSS at rest", unit="MB", limit=REST_RSS_MB, value=each.rss_mb)
        idle = REST_IDLE[each.program]
        yield Goal(name=f"{each.program}: idle", unit="% of a core", limit=idle * 100, value=each.idle * 100)
