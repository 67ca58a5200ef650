"""From what was seen in many short measurements to the figures of the table. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

MS = 1_000.0
MB = 1_000_000


class Cell(Struct, kw_only=True):
    """One subject under one scenario, in one round or put together from several."""

    subject: str
    scenario: str
    own: str = ""
    """Of the processes, the one that is measured; the others are the load's side."""
    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    first_byte_s: Sequence[float] = ()
    gaps_s: Sequence[float] = ()
    cpu_s: dict[str, float] = {}
    """By process."""
    rss_bytes: dict[str, int] = {}
    """At the end; of several, the largest."""
    errors: dict[str, int] = {}
    open_calls: int = 0


class Quantiles(Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class Row(Struct, kw_only=True):
    """One line of the table. None: it was not measured, or there is nothing to compare with."""

    subject: str
    scenario: str
    own: str
    seconds: float
    calls_per_s: float
    chunks_per_s: float
    first_byte_ms: Quantiles | None = None
    added_ms: Quantiles | None = None
    """Each quantile less that of `direct`."""
    gap_p99_ms: float | None = None
    cpu_per_1000_calls: dict[str, float] = {}
    """Seconds, by process, `load` among them."""
    cpu_per_100k_chunks: dict[str, float] = {}
    busy: dict[str, float] = {}
    """Part of a core that each process took: near 1, it was the limit."""
    rss_mb: dict[str, float] = {}
    errors: dict[str, int] = {}
    open_calls: int = 0
    rate_to_direct: float | None = None
    rate_to_nginx: float | None = None
    cpu_to_nginx: float | None = None
    """Of the process that is measured, for a call or a chunk."""


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def merged(cells: Sequence[Cell]) -> Cell:
    """One of several rounds. Raises ValueError for none, or for different ones."""
    if len({(each.subject, each.scenario) for each in cells}) != 1:
        raise ValueError("rounds of one subject and one scenario go together")
    first = cells[0]
    return Cell(
        subject=first.subject,
        scenario=first.scenario,
        own=first.own,
        seconds=sum(each.seconds for each in cells),
        calls=sum(each.calls for each in cells),
        tokens=sum(each.tokens for each in cells),
        first_byte_s=[value for each in cells for value in each.first_byte_s],
        gaps_s=[value for each in cells for value in each.gaps_s],
        cpu_s=_summed(each.cpu_s for each in cells),
        rss_bytes=_largest(each.rss_bytes for each in cells),
        errors=dict(sum((Counter(each.errors) for each in cells), Counter())),
        open_calls=max(each.open_calls for each in cells),
    )


def _summed(each: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for one in each:
        for name, value in one.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _largest(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for one in each:
        for name, value in one.items():
            most[name] = max(most.get(name, 0), value)
    return most


def rows(cells: Iterable[Cell]) -> list[Row]:
    """In the order in which the scenarios and their subjects came first."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.scenario, cell.subject), []).append(cell)
    scenarios = list(dict.fromkeys(scenario for scenario, _ in groups))
    made = {key: _row(merged(group)) for key, group in groups.items()}
    ordered = [made[key] for scenario in scenarios for key in made if key[0] == scenario]
    for row in ordered:
        _compare(row, made.get((row.scenario, "direct")), made.get((row.scenario, "nginx")))
    return ordered


def _row(cell: Cell) -> Row:
    first = _quantiles(cell.first_byte_s)
    return Row(
        subject=cell.subject,
        scenario=cell.scenario,
        own=cell.own,
        seconds=cell.seconds,
        calls_per_s=_per(cell.calls, cell.seconds),
        chunks_per_s=_per(cell.tokens, cell.seconds),
        first_byte_ms=first,
        gap_p99_ms=quantile(cell.gaps_s, 0.99) * MS if cell.gaps_s else None,
        cpu_per_1000_calls=_each(cell.cpu_s, 1_000, cell.calls if not cell.tokens else 0),
        cpu_per_100k_chunks=_each(cell.cpu_s, 100_000, cell.tokens),
        busy=_each(cell.cpu_s, 1, cell.seconds),
        rss_mb={name: value / MB for name, value in cell.rss_bytes.items()},
        errors=cell.errors,
        open_calls=cell.open_calls,
    )


def _each(cpu_s: Mapping[str, float], unit: float, count: float) -> dict[str, float]:
    return {name: value * unit / count for name, value in cpu_s.items()} if count else {}


def _per(count: float, seconds: float) -> float:
    return count / seconds if seconds else 0.0


def _quantiles(values: Sequence[float]) -> Quantiles | None:
    if not values:
        return None
    ordered = sorted(values)
    return Quantiles(*(quantile(ordered, part) * MS for part in (0.5, 0.95, 0.99)))


def _compare(row: Row, direct: Row | None, nginx: Row | None) -> None:
    if direct is not None and direct is not row:
        row.rate_to_direct = _ratio(rate(row), rate(direct))
        if row.first_byte_ms is not None and direct.first_byte_ms is not None:
            mine, bare = row.first_byte_ms, direct.first_byte_ms
            row.added_ms = Quantiles(mine.p50 - bare.p50, mine.p95 - bare.p95, mine.p99 - bare.p99)
    if nginx is not None and nginx is not row:
        row.rate_to_nginx = _ratio(rate(row), rate(nginx))
        row.cpu_to_nginx = _ratio(own_cpu(row), own_cpu(nginx))


def rate(row: Row) -> float:
    """Chunks a second of a scenario of streams, else calls a second."""
    return row.chunks_per_s or row.calls_per_s


def own_cpu(row: Row) -> float | None:
    """CPU seconds of the measured process, per 1,000 calls or per 100,000 chunks; None: not measured."""
    return (row.cpu_per_100k_chunks or row.cpu_per_1000_calls).get(row.own)


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None
