"""`herd simulate`: how placing would do in a fleet that is only imagined, on a clock that nobody waits for."""

import math
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

LOAD = 0.6
"""Of saturation, where nothing else is said."""
CALLS = 600
MOST = 1e9
"""Calls a second, and seconds."""
OF_A_RESULT = frozenset({"stored", "plot", "as_json"})
"""Options that go with --from."""


class Finite(click.FloatRange):
    """A range without what is no number, which no comparison keeps out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click asks; fails for what is no number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return float(number)


@click.command()
@click.option("--fleet", default="home", show_default=True, help="home, eight, hundred, thousand, or a file.")
@click.option(
    "--workload",
    default="poisson",
    show_default=True,
    help="poisson, bursty, sessions, agents, long, or a file (.csv, .jsonl; .gz too).",
)
@click.option("--calls", type=click.IntRange(1), help=f"So many calls.  [default: {CALLS}; of a file: all]")
@click.option("--policy", "policies", multiple=True, help="A policy; more than once for several.")
@click.option("--all", "every", is_flag=True, help="Every policy.  [default]")
@click.option("--seed", type=int, default=1, show_default=True, help="Chance begins here.")
@click.option(
    "--seeds", type=click.IntRange(1, 1_000), default=1, show_default=True, help="So many, from --seed on."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes, each with seeds of its own.",
)
@click.option(
    "--load",
    type=Finite(0, 10, min_open=True),
    help=f"Calls come at so much of saturation.  [default: {LOAD}; of a file: as it says]",
)
@click.option("--sweep", is_flag=True, help="Four loads, from light to above saturation.")
@click.option("--rate", type=Finite(0, MOST, min_open=True), help="Calls a second, in the stead of --load.")
@click.option(
    "--scale",
    type=Finite(0, MOST, min_open=True),
    default=1.0,
    show_default=True,
    help="Arrivals are so much farther apart.",
)
@click.option(
    "--hold-timeout",
    "hold_s",
    type=Finite(0, MOST),
    default=30.0,
    show_default=True,
    help="Seconds that a call waits for a place, before its caller is told to come again.",
)
@click.option(
    "--plot",
    metavar="FILE.svg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw latency against load, too; needs the extra plots.",
)
@click.option(
    "--from",
    "stored",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Simulate nothing: tell what --json told before; of several, each with its seeds, together.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def simulate(
    *,
    fleet: str,
    workload: str,
    calls: int | None,
    policies: tuple[str, ...],
    every: bool,
    seed: int,
    seeds: int,
    jobs: int,
    load: float | None,
    sweep: bool,
    rate: float | None,
    scale: float,
    hold_s: float,
    plot: Path | None,
    stored: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Policies in an imagined fleet: the real Desk places the calls, machines are not what they claim.

    \b
    herd simulate                                    three machines, 600 calls
    herd simulate --fleet eight --sweep --seeds 5    four loads, 95 % intervals
    herd simulate --fleet hundred --workload azure.csv --scale 0.5 --json
    herd simulate --sweep --seeds 5 --plot home.svg  a drawing beside the table

    Exit codes: 0 told, 2 wrong usage or file, or --plot without its library.
    """
    from coordinator.simulate.load import LOADS
    from coordinator.simulate.study import Asked
    from coordinator.simulate.workloads import GENERATORS

    if (load is not None) + (rate is not None) + sweep > 1:
        raise click.UsageError("say one of: --load, --rate, --sweep")
    if every and policies:
        raise click.UsageError("say one of: --policy, --all")
    if plot is not None:
        _can_plot(plot)
    if stored:
        _alone()
        _out(_read(stored), f"as told in {', '.join(map(str, stored))}", plot, as_json=as_json)
        return
    made = workload in GENERATORS
    if load is None and rate is None and made:
        load = LOAD
    asked = Asked(
        fleet=fleet,
        workload=workload,
        policies=_policies(policies),
        calls=calls or (CALLS if made else None),
        seeds=tuple(range(seed, seed + seeds)),
        loads=LOADS if sweep else () if load is None else (load,),
        rate=rate,
        scale=scale,
        hold_s=hold_s,
    )
    _out(*_run(asked, jobs), plot, as_json=as_json)


def _policies(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those asked for, in their order; all, where none is. Raises click.UsageError."""
    from coordinator.simulate.entrants import ENTRANTS
    from shared.names import near

    for name in names:
        if name not in ENTRANTS:
            known = ", ".join(ENTRANTS)
            hint = f"; near: {', '.join(near(name, ENTRANTS))}" if near(name, ENTRANTS) else ""
            raise click.UsageError(f"--policy: there is no {name!r}{hint}; there are {known}")
    return tuple(dict.fromkeys(names)) or tuple(ENTRANTS)


def _can_plot(path: Path) -> None:
    """Said before anything is simulated, which may take hours."""
    if path.suffix != ".svg":
        raise click.UsageError(f"--plot: {path} does not end in .svg, and an SVG is what would be in it")
    if not path.parent.is_dir():
        raise click.UsageError(f"--plot: there is no folder {path.parent}")
    try:
        import coordinator.simulate.plot  # noqa: F401 - whether its library is there
    except ImportError as error:
        _fail(f"--plot needs matplotlib ({error}); in a clone of herd: pip install '.[plots]'")


def _alone() -> None:
    """Raises click.UsageError where an option was said that --from has no use for."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if said and name not in OF_A_RESULT:
            raise click.UsageError(f"{parameter.opts[0]}: with --from nothing is simulated")


def _read(paths: tuple[Path, ...]) -> Any:
    """A Report."""
    from coordinator.simulate.study import BadReport, stored, together

    reports = []
    for path in paths:
        try:
            reports.append(stored(path.read_bytes()))
        except (BadReport, OSError) as error:
            _fail(f"{path}: {error}")
    try:
        return together(reports)
    except BadReport as error:
        _fail(f"--from: {error}")


def _run(asked: Any, jobs: int) -> tuple[Any, str]:
    """A Report, and what there is to say about the fleet."""
    from coordinator.simulate.fleets import BadFleet, read
    from coordinator.simulate.study import study
    from coordinator.simulate.workloads import BadWorkload

    try:
        fleet = read(asked.fleet)
        return study(asked, fleet, _tell, jobs), fleet.about
    except (BadFleet, BadWorkload) as error:
        _fail(str(error))


def _out(report: Any, about: str, plot: Path | None, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        _draw(report, about)
    if plot is not None:
        _plot(report, plot)


def _plot(report: Any, path: Path) -> None:
    from coordinator.simulate.plot import drawn

    try:
        path.write_bytes(drawn(report))
    except OSError as error:
        _fail(f"--plot: {error}")


def _fail(text: str) -> NoReturn:
    click.echo(f"herd simulate: {text}", err=True)
    sys.exit(2)


def _tell(text: str) -> None:
    """On the terminal of a person only, and gone with the next."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text} ...\r", nl=False, err=True)


def _draw(report: Any, about: str) -> None:
    from rich.console import Console

    from coordinator.simulate.table import lines

    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    console = Console(highlight=False)
    with console.capture() as drawn:
        for line in lines(report, about, console.width):
            console.print(line)
    for each in drawn.get().splitlines():
        click.echo(each.rstrip())  # rich fills columns up with spaces
