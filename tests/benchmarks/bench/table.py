"""The report as Markdown, which a terminal shows as well. Pure."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from tests.benchmarks.bench.figures import Quantiles, Row, own_cpu
from tests.benchmarks.bench.goals import Goal
from tests.benchmarks.bench.rest import Resting
from tests.benchmarks.bench.scale import Scale

LIMITED = 0.9
"""Part of its core from which a side is taken for what limited the measurement."""


class Machine(Struct, kw_only=True):
    """On which it was measured. `others`: cores' worth that other programs took meanwhile."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    pinned: str
    others: float = 0.0


class Report(Struct, kw_only=True):
    """All that one run found; what `--json` prints."""

    date: str
    machine: Machine
    seconds: float = 0.0
    rows: list[Row] = []
    scale: Scale | None = None
    rest: list[Resting] = []
    goals: list[Goal] = []
    verdicts: list[str] = []
    """Of each goal."""
    notes: list[str] = []
    """What was left out, and why."""


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    machine = report.machine
    yield (
        f"{report.date}: {machine.cpu}, {machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system}, "
        f"Python {machine.python}; {machine.pinned}; other programs took {machine.others:.2f} cores meanwhile; "
        f"{report.seconds:.0f} s."
    )
    for scenario in dict.fromkeys(row.scenario for row in report.rows):
        yield ""
        yield from _scenario(scenario, [row for row in report.rows if row.scenario == scenario])
    if report.scale is not None:
        yield ""
        yield from _scale(report.scale)
    if report.rest:
        yield ""
        yield from _rest(report.rest)
    if report.goals:
        yield ""
        yield from table(
            ("goal", "limit", "measured", ""),
            [
                (each.name, f"{'>=' if each.at_least else '<='} {number(each.limit)} {each.unit}".strip(),
                 _maybe(each.value), each.words)
                for each in sorted(report.goals, key=lambda goal: goal.value is None)
            ],
        )  # fmt: skip
        yield ""
        yield _summary(report.goals)
    for note in report.notes:
        yield ""
        yield f"Left out: {note}."


STREAM_HEAD = (
    "chunks/s",
    "first byte ms p50 / p95 / p99",
    "added",
    "gap p99 ms",
    "CPU s per 100k chunks",
)
CALL_HEAD = (
    "calls/s",
    "first byte ms p50 / p95 / p99",
    "added",
    "calls/s of a full core",
    "CPU s per 1,000 calls",
)
TAIL_HEAD = ("x nginx", "rate to direct", "rate to nginx", "CPU of the others", "RSS MB", "busiest", "errors")


def _scenario(scenario: str, rows: Sequence[Row]) -> Iterator[str]:
    streams = any(row.chunks_per_s for row in rows)
    head = (scenario, *(STREAM_HEAD if streams else CALL_HEAD), *TAIL_HEAD)
    yield from table(head, [_cells(row, streams=streams) for row in rows])


def _cells(row: Row, *, streams: bool) -> tuple[str, ...]:
    costs = row.cpu_per_100k_chunks or row.cpu_per_1000_calls
    own = own_cpu(row)
    limit = "-" if streams or not own else f"{1000 / own:,.0f}"
    others = ", ".join(f"{name} {number(value)}" for name, value in costs.items() if name != row.own)
    return (
        row.subject,
        f"{row.chunks_per_s if streams else row.calls_per_s:,.0f}",
        _three(row.first_byte_ms),
        _three(row.added_ms),
        _maybe(row.gap_p99_ms) if streams else limit,
        _maybe(own),
        _maybe(row.cpu_to_nginx),
        _maybe(row.rate_to_direct),
        _maybe(row.rate_to_nginx),
        others,
        ", ".join(f"{name} {value:.0f}" for name, value in row.rss_mb.items()),
        _busiest(row),
        ", ".join(f"{count} {what}" for what, count in row.errors.items()) or "0",
    )


def _busiest(row: Row) -> str:
    """The measured process, or the load's side, by which took more of its core."""
    own = row.busy.get(row.own, 0.0)
    load = sum(value for name, value in row.busy.items() if name != row.own)
    name, value = (row.own, own) if own >= load else ("load", load)
    return f"{name} {value:.0%}" + (" (limit)" if value >= LIMITED else "")


def _scale(scale: Scale) -> Iterator[str]:
    yield from table(
        ("scale", "one node", f"{scale.nodes:,} nodes", "ratio"),
        [
            ("calls/s, 64 clients, fleet's view open", f"{scale.calls_per_s_one_node:,.0f}",
             f"{scale.calls_per_s:,.0f}", number(scale.ratio)),
            ("CPU s per 1,000 calls, without that of beats", number(scale.cpu_per_1000_calls_one_node),
             number(scale.cpu_per_1000_calls), number(scale.cpu_ratio)),
            ("CPU us of a beat", "", number(scale.beat_us), ""),
            ("a beat's answer, p99, ms; failed", "", f"{scale.reply_p99_ms:.1f}; {scale.beats_failed}", ""),
            ("the fleet's view, p50, ms; kB", "", f"{scale.view_p50_ms:.1f}; {scale.view_kb:,.0f}", ""),
            ("RSS MB", "", f"{scale.rss_mb:.0f}", ""),
            (f"{scale.streams_asked:,} streams: open, errors", "",
             f"{scale.streams_open:,}, {sum(scale.streams_errors.values())}", ""),
            ("with them RSS MB: coordinator, node", "",
             f"{scale.streams_rss_mb:.0f}, {scale.streams_node_rss_mb:.0f}", ""),
        ],
    )  # fmt: skip


def _summary(goals: Sequence[Goal]) -> str:
    known = [each for each in goals if each.value is not None]
    met = sum(each.met for each in known)
    return f"Goals: {met} met, {len(known) - met} missed, {len(goals) - len(known)} not measured here."


def _rest(resting: Sequence[Resting]) -> Iterator[str]:
    yield from table(
        ("at rest", "first answer s", "imports s", "RSS MB", "idle % of a core"),
        [
            (each.program, number(each.start_s), number(each.import_s), f"{each.rss_mb:.1f}",
             f"{each.idle * 100:.2f}")
            for each in resting
        ],
    )  # fmt: skip


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """In Markdown, its columns aligned."""
    widths = [max(3, *(len(row[column]) for row in (head, *body))) for column in range(len(head))]
    yield _line(head, widths)
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    for row in body:
        yield _line(row, widths)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"


def number(value: float) -> str:
    """Three digits that tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _maybe(value: float | None) -> str:
    return "-" if value is None else number(value)


def _three(values: Quantiles | None) -> str:
    return "-" if values is None else f"{values.p50:.2f} / {values.p95:.2f} / {values.p99:.2f}"
