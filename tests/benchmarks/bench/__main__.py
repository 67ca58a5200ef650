"""`scripts/bench`."""

import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import psutil
from msgspec import Struct

from tests.benchmarks.bench import peers, processes, subjects
from tests.benchmarks.bench.figures import Cell, rows
from tests.benchmarks.bench.goals import goals
from tests.benchmarks.bench.messages import Dialect
from tests.benchmarks.bench.processes import NotReady
from tests.benchmarks.bench.rest import rest
from tests.benchmarks.bench.running import rounds
from tests.benchmarks.bench.scale import scale
from tests.benchmarks.bench.scenarios import Scenario, every_scenario, quick_scenarios, window_s
from tests.benchmarks.bench.table import Machine, Report, lines
from tests.benchmarks.tls_hop import hop

ROUNDS, QUICK_ROUNDS = 3, 1
OVERHEAD_S = 1.6
"""Of a measurement besides its window: clients begin, the engine comes to rest."""
LEAST_S, MOST_S, QUICK_S = 0.5, 4.0, 2.0
"""Of a window."""


class Chosen(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    names: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    quick: bool
    peers: bool
    scale: bool
    rest: bool
    seconds: float
    dialect: Dialect


@click.command()
@click.option("--quick", is_flag=True, help="Less than a minute: 64 clients, one round.")
@click.option("--only", multiple=True, help=f"Of the subjects: {', '.join(subjects.SUBJECTS)}, or a peer.")
@click.option("--scenario", multiple=True, help="As calls-64, streams-256 or paced-1000.")
@click.option("--dialect", type=click.Choice(["ollama", "openai"]), default="ollama", help="Of the calls.")
@click.option("--peers", is_flag=True, help="Also ollama-herd and LiteLLM, in a Python of their own.")
@click.option("--scale", is_flag=True, help="Only 1,000 nodes and 2,000 open streams.")
@click.option("--rest", is_flag=True, help="Only start and rest of both programs.")
@click.option("--hop", "tls_hop", is_flag=True, help="Only TLS between two programs, with and without.")
@click.option("--seconds", default=900.0, help="After which no measurement is begun.", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def main(
    *,
    quick: bool,
    only: Sequence[str],
    scenario: Sequence[str],
    dialect: Dialect,
    peers: bool,
    scale: bool,
    rest: bool,
    tls_hop: bool,
    seconds: float,
    as_json: bool,
) -> None:
    """What a coordinator costs between client and engine, beside nginx, a bare proxy and, if asked for, its peers."""
    if tls_hop:
        click.echo("\n".join(asyncio.run(hop()).lines()))
        return
    known = {each.name: each for each in every_scenario()}
    if unknown := [name for name in scenario if name not in known]:
        raise click.BadParameter(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = Chosen(
        names=tuple(only),
        scenarios=tuple(known[name] for name in scenario)
        or tuple(quick_scenarios() if quick else known.values()),
        quick=quick,
        peers=peers,
        scale=scale,
        rest=rest,
        seconds=seconds,
        dialect=dialect,
    )
    try:
        report = _report(chosen)
    except NotReady as error:
        raise click.ClickException(str(error)) from error
    click.echo(msgspec.json.encode(report) if as_json else "\n".join(lines(report)))


def _report(chosen: Chosen) -> Report:
    began = time.monotonic()
    processes.many_files()
    cores = processes.cores()
    report = Report(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), machine=_machine(cores.words), seconds=0.0
    )
    busy, used = _busy_s(), 0.0
    with tempfile.TemporaryDirectory(prefix="herd-bench-") as directory, ExitStack() as stack:
        engine, url = stack.enter_context(subjects.fake_engine(Path(directory), cores))
        place = subjects.Place(
            engine_url=url, engine=engine, directory=Path(directory), cores=cores, dialect=chosen.dialect
        )
        processes.on(cores.load)  # this process is the load
        if chosen.rest:
            report.rest = rest(place, _tell)
        if chosen.scale:
            report.scale = scale(place, _tell)
        if not (chosen.rest or chosen.scale):
            report.rows = rows(_cells(place, chosen, report.notes, began + chosen.seconds))
        used = sum(_cpu_s(each) for each in (psutil.Process(), *psutil.Process().children(recursive=True)))
    report.seconds = time.monotonic() - began
    report.machine.others = max(0.0, (_busy_s() - busy - used) / report.seconds)
    report.goals = goals(report.rows, report.scale, report.rest)
    report.verdicts = [each.words for each in report.goals]
    return report


def _cells(place: subjects.Place, chosen: Chosen, notes: list[str], deadline: float) -> list[Cell]:
    makers = dict(subjects.SUBJECTS)
    if chosen.peers:
        refused = peers.install(_tell)
        notes += [f"{name}: {why}" for name, why in refused.items()]
        makers |= peers.makers(refused)
    if unknown := [name for name in chosen.names if name not in makers]:
        raise click.BadParameter(f"no subject {', '.join(unknown)}; there are {', '.join(makers)}")
    if chosen.names:
        makers = {name: make for name, make in makers.items() if name in (*chosen.names, "direct")}
    with ExitStack() as stack:
        ready, missing = subjects.enter(stack, place, makers)
        notes += [f"{name}: {why}" for name, why in missing.items()]
        count = QUICK_ROUNDS if chosen.quick else ROUNDS
        cells = len(ready) * len(chosen.scenarios) * count
        most = QUICK_S if chosen.quick else MOST_S
        left = deadline - time.monotonic()
        seconds = window_s(left, cells, OVERHEAD_S, least_s=LEAST_S, most_s=most)
        _tell(f"{cells} measurements of {seconds:.1f} s")

        def left_out(why: str) -> None:
            notes.append(why)
            _tell(why)

        return list(
            rounds(
                place.engine_url,
                ready,
                chosen.scenarios,
                count=count,
                seconds=seconds,
                deadline=deadline,
                tell=_tell,
                left_out=left_out,
            )
        )


def _busy_s() -> float:
    """Seconds that all cores together have worked since the machine started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _machine(pinned: str) -> Machine:
    return Machine(
        cpu=_cpu_name(),
        cores=psutil.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 1e9,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        pinned=pinned,
    )


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _tell(text: str) -> None:
    click.echo(f"bench: {text}", err=True)


if __name__ == "__main__":
    sys.exit(main())
