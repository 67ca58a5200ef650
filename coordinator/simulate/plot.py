"""A report as a drawing: latency against load. Pure: bytes of SVG come out, the same for the same report.

The only module that imports matplotlib, an extra; whoever draws imports this one late.
"""

import io
import math
from collections.abc import Sequence
from pathlib import PurePath

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from msgspec.structs import replace

from coordinator.simulate.compare import FIGURES
from coordinator.simulate.curves import Curve, Point, curves
from coordinator.simulate.entrants import ENTRANTS
from coordinator.simulate.measures import BOUND
from coordinator.simulate.study import Report

PANELS = {"mean_total": "mean total time", "p95_ttft": "p95 time to first byte"}
INCHES = (10.0, 5.4)
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#000000")
"""Of Okabe and Ito: told apart by those who are colour-blind, too. Their yellow is too pale for white."""
MARKERS = "osD^vPX"
"""Beside each colour, for who prints in grey."""
BOUND_COLOUR = "#666666"
LOST = 0.01
"""Part of the calls from which on a point is hollow: times of the others say too little."""
BAND_BEYOND = 1.6
"""Bands are cut off at so many times the farthest line: those of two seeds would press all lines together."""
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "herd",  # ids would be drawn by chance
    "text.parse_math": False,  # a file may have dollars in its name
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def drawn(report: Report) -> bytes:
    """An SVG on white: mean total time and p95 TTFT in seconds, each policy a line with its interval as a band."""
    with style.context(["default", STYLE]):  # nobody's own settings
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.subplots(1, len(PANELS))
        for panel, (name, title) in zip(axes, PANELS.items(), strict=True):
            _panel(panel, curves(report, FIGURES[name]), report)
            panel.set_title(title, loc="left")
        axes[0].set_ylabel("seconds")
        _legend(figure, axes[0], curves(report, FIGURES["mean_total"]))
        figure.suptitle(_title(report), x=0.01, ha="left", weight="bold")
        figure.supxlabel(_note(report), x=0.01, ha="left", fontsize="small", color="#444444")
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _title(report: Report) -> str:
    asked, seeds = report.asked, len(report.asked.seeds)
    calls = max((each.calls for outcome in report.outcomes for each in outcome.policies), default=0)
    drawn_from = "1 seed" if seeds == 1 else f"{seeds} seeds"
    fleet, workload = (
        PurePath(each).name for each in (asked.fleet, asked.workload)
    )  # a drawing is shown to others
    return f"fleet {fleet}: {calls} calls of {workload}, {drawn_from}"


def _note(report: Report) -> str:
    told = [f"{BOUND}: each call alone on its best node, its model loaded"]
    if len(report.asked.seeds) > 1:
        told.insert(0, "geometric means over seeds, with 95 % intervals")
    if any(_hollow(each) for curve in curves(report, FIGURES["mean_total"]) for each in curve.points):
        told.append(f"hollow: more than {LOST:.0%} of the calls were lost")
    return "; ".join(told)


def _panel(axes: Axes, found: Sequence[Curve], report: Report) -> None:
    alone = all(len(each.points) < 2 for each in found)
    for place, curve in enumerate(found):
        _draw(axes, _moved(curve, place) if alone else curve)
    axes.set_yscale("log")
    axes.set_ylim(*_limits([each for curve in found for each in curve.points]))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if alone:
        axes.set_xticks([])
    elif report.asked.loads:
        axes.set_xticks(sorted(report.asked.loads), [f"{each:.0%}" for each in sorted(report.asked.loads)])
    axes.set_xlabel(_of_axis(report, found, alone=alone))


def _moved(curve: Curve, place: int) -> Curve:
    """At a single load policies stand side by side, or one would hide the others."""
    return Curve(curve.policy, [replace(each, at=float(place)) for each in curve.points])


def _of_axis(report: Report, found: Sequence[Curve], *, alone: bool) -> str:
    told = "load, part of saturation" if report.asked.loads else "calls a second"
    at = [each.at for curve in found for each in curve.points]
    if not alone or not at:
        return told
    return f"{at[0]:.0%} of saturation" if report.asked.loads else f"{at[0]:.3g} {told}"


def _draw(axes: Axes, curve: Curve) -> None:
    colour, marker, dashes = _looks(curve.policy)
    at, means = [each.at for each in curve.points], [each.mean for each in curve.points]
    if curve.policy == BOUND and len(curve.points) == 1:
        axes.axhline(means[0], linestyle=dashes, color=colour, linewidth=1.8)
        return
    axes.plot(at, means, dashes, color=colour, linewidth=1.8)
    for each in curve.points:
        face = "white" if _hollow(each) else colour
        axes.plot(each.at, each.mean, marker=marker, color=colour, markerfacecolor=face, markersize=5)
    if curve.policy != BOUND and any(each.low < each.high for each in curve.points):
        _band(axes, curve.points, colour)


def _band(axes: Axes, points: Sequence[Point], colour: str) -> None:
    """Pale, for many lie over each other, with edges that tell whose it is; at a single load it is a bar."""
    at, lows, highs = ([getattr(each, name) for each in points] for name in ("at", "low", "high"))
    if len(points) == 1:
        axes.vlines(at, lows, highs, color=colour, alpha=0.4, linewidth=4)
        return
    axes.fill_between(at, lows, highs, color=colour, alpha=0.05, linewidth=0)
    for edge in (lows, highs):
        axes.plot(at, edge, color=colour, alpha=0.45, linewidth=0.6)


def _looks(policy: str) -> tuple[str, str, str]:
    """Colour, marker and dashes: a policy looks alike in all plots."""
    if policy == BOUND:
        return BOUND_COLOUR, "none", "--"
    known = list(ENTRANTS)
    place = known.index(policy) if policy in known else len(known)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], "-" if place < len(COLOURS) else ":"


def _hollow(point: Point) -> bool:
    return point.lost > LOST


def _limits(points: Sequence[Point]) -> tuple[float, float]:
    """Of the axis: all lines, and of bands what is near them."""
    if not points:
        return 0.1, 10.0
    least, most = min(each.mean for each in points), max(each.mean for each in points)
    low = max(min(each.low for each in points), least / BAND_BEYOND)
    high = min(max(each.high for each in points), most * BAND_BEYOND)
    margin = 1.1 * math.exp(0.02 * math.log(high / low))
    return low / margin, high * margin


def _legend(figure: Figure, axes: Axes, found: Sequence[Curve]) -> None:
    """Beside the panels, in the order in which the lines end in the first."""
    last = {curve.policy: curve.points[-1].mean if curve.points else 0.0 for curve in found}
    ordered = sorted(last, key=lambda policy: -last[policy])
    lines = []
    for policy in ordered:
        colour, marker, dashes = _looks(policy)
        (line,) = axes.plot([], [], dashes, marker=marker, color=colour, linewidth=1.6, markersize=5)
        lines.append(line)
    figure.legend(lines, ordered, loc="outside right center")
