"""Decisions for a terminal, 80 columns or more: an answer of /fleet/explain in, something rich can draw out. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.core.replay import Replayed
from coordinator.verbs.explain_seconds import MEANING, learned, seconds
from shared.printable import printable

HEADINGS = {
    "thermal": "THERMAL",
    "memory_fit": "MEMORY",
    "queue_depth": "QUEUE",
    "wait_time": "WAIT",
    "role_affinity": "ROLE",
    "availability_trend": "TREND",
    "context_fit": "CONTEXT",
}
FURTHER = {"session_affinity": "SESSION", "prefix_affinity": "PREFIX"}
"""Columns where some place has such points."""
MEANINGS = {
    "thermal": "model in memory",
    "memory_fit": "room in its memory",
    "queue_depth": "calls there",
    "wait_time": "how long they take",
    "role_affinity": "machine suits the model's size",
    "availability_trend": "owner leaves it free",
    "context_fit": "context suits the prompt",
    "session_affinity": "conversation is cached there",
    "prefix_affinity": "prompt's beginning is cached there",
}
LABEL_WIDTHS = (8, 24)
"""Of what stands before a text: at least, for one column of texts; at most, or a long name would leave them no room."""
MOVES_SHOWN = 20

Place: TypeAlias = dict[str, Any]
"""A candidate, as it is told."""


def call_lines(told: dict[str, Any]) -> Iterator[RenderableType]:
    """What became, or would become, of a call: its end, the points, the refusals, why."""
    told = _harmless(told)
    yield _title(told)
    eligible = [each for each in told["candidates"] if each["eligible"]]
    chosen = _chosen(eligible, told)
    models = dict.fromkeys(each["model"] for each in eligible)
    for model in models:
        yield ""
        if len(models) > 1:
            yield Text(f"for {model}", style="bold")
        places = [each for each in eligible if each["model"] == model]
        yield _points(places, chosen)
        if any(each["predicted_seconds"] for each in places):
            yield ""
            yield seconds(places, chosen)
        if any(each.get("learned") for each in places):
            yield ""
            yield learned(places, chosen)
    yield from _passed_over(eligible, told)
    yield ""
    grounds = MEANING if any(each.get("learned") for each in eligible) else ""
    meant = {"points": _meanings(eligible), "learned": grounds}
    yield _labelled({"why": told["why"], "context": told["context"], **meant})
    if len(told.get("attempts", ())) > 1:
        yield from _attempts(told["attempts"])


def replay_lines(replayed: Replayed, weights: Mapping[str, float]) -> Iterator[RenderableType]:
    """How many calls would have gone elsewhere, by node and by way."""
    replayed = msgspec.convert(_harmless(msgspec.to_builtins(replayed)), type(replayed))
    changed = ", ".join(f"{name}={weight:g}" for name, weight in weights.items())
    under = f"with {changed} and the other weights as they were" if changed else "with the same weights"
    share = 100 * replayed.moved / replayed.looked_at if replayed.looked_at else 0.0
    yield Text(
        f"{replayed.moved} of {replayed.looked_at} decisions ({share:.1f} %) would have gone elsewhere, {under}"
    )
    if replayed.skipped:
        left_out = "; ".join(f"{count}: {reason}" for reason, count in replayed.skipped.items())
        yield _labelled({"left out": left_out})
    if replayed.nodes:
        yield ""
        yield _nodes(replayed)
    if replayed.moves:
        yield ""
        yield _moves(replayed)


def _harmless(value: Any) -> Any:
    """Names and reasons come from other machines: they must not steer the terminal."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_harmless(name): _harmless(each) for name, each in value.items()}
    return [_harmless(each) for each in value] if isinstance(value, list | tuple) else value


def _title(told: dict[str, Any]) -> Text:
    """Of a call that was made: what became of it, and on a second line, which it is."""
    policy = f" (policy {told['policy']})" if told["policy"] else ""
    if "status" not in told:
        tokens = told["estimated_tokens"]
        length = told["operation"] + (f", about {tokens} tokens" if tokens else "")
        fates = {"placed": f"would go to {told['chosen']}", "waits": "would wait"}
        fate = fates.get(told["outcome"], "would be refused")
        return Text(f"{told['asked_model']}, {length}: {fate}{policy}", style="bold")
    text = f"{told['asked_model']}: {told['status']}"
    text += f" {told['status_code']}" if told["status_code"] else ""
    text += f" on {told['node_id']}" if told["node_id"] else ""
    text += f", after {told['retries']} failed before" if told["retries"] else ""
    text += "" if told["latency_ms"] is None else f", {_lasting(told['latency_ms'])}"
    which = f"\nrequest {told['request_id']}{_moment(told['timestamp'])}"
    return Text(f"{text}{policy}", style="bold").append(which, "not bold")


def _lasting(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _moment(timestamp: float | None) -> str:
    """Other programs write this file too."""
    try:
        return (
            "" if timestamp is None else f", {datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
    except (ValueError, OverflowError, OSError):
        return ""


def _points(places: list[Place], chosen: Place | None) -> Table:
    scores = [each["scores_breakdown"] or {} for each in places]
    signals = _signals(places)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("NODE", overflow="fold")  # the one that gives way where the terminal is narrow
    for heading in (*map(_heading, signals), "TOTAL"):
        table.add_column(heading, justify="right", no_wrap=True)
    names = [each["node_id"] for each in places]
    for place, points in zip(places, scores, strict=True):
        here = place is chosen
        name = place["node_id"]
        if names.count(name) > 1:
            name += f"/{place['engine']}"
        cells = [_number(points.get(signal)) for signal in (*signals, "total")]
        table.add_row("*" if here else " ", name, *cells, style="green" if here else "")
    return table


def _signals(places: list[Place]) -> list[str]:
    """Those that every place has points of, and what else some has."""
    scored = [name for each in places for name in each["scores_breakdown"] or {} if name != "total"]
    return list(dict.fromkeys([*HEADINGS, *scored]))


def _heading(signal: str) -> str:
    return (HEADINGS | FURTHER).get(signal, signal.upper())


def _meanings(places: list[Place]) -> str:
    """Of the headings, where there is a table."""
    signals = [name for name in _signals(places) if name in MEANINGS] if places else []
    return "; ".join(f"{_heading(name)}: {MEANINGS[name]}" for name in signals)


def _chosen(places: list[Place], told: dict[str, Any]) -> Place | None:
    there = [each for each in places if each["node_id"] == told["chosen"]]
    return min(there, key=lambda each: (not each["has_room"], each["troubled"]), default=None)


def _passed_over(eligible: list[Place], told: dict[str, Any]) -> Iterator[RenderableType]:
    """Who had points and could not take it at once, who was not eligible, who is not listed."""
    reasons: dict[str, list[str]] = {}
    for each in told["candidates"]:
        if not each["eligible"]:
            why_not = each["refusal"].removeprefix(f"{each['node_id']} ")
            reasons.setdefault(each["node_id"], []).append(why_not)
    known = [each for each in eligible if each["engine"]]
    notes = {
        "no room": _names([each for each in known if not each["has_room"]]),
        "failed lately": _names([each for each in known if each["troubled"]]),
        **{node_id: "; ".join(dict.fromkeys(texts)) for node_id, texts in reasons.items()},
    }
    if told["omitted"]:
        kinds = "".join(f"; {count} x {reason}" for reason, count in told["omitted_refusals"].items())
        notes["not listed"] = f"{told['omitted']} further places{kinds}"
    if any(notes.values()):
        yield ""
        yield _labelled(notes)


def _names(places: list[Place]) -> str:
    return ", ".join(dict.fromkeys(each["node_id"] for each in places))


def _attempts(attempts: list[dict[str, Any]]) -> Iterator[RenderableType]:
    texts = {}
    for number, each in enumerate(attempts, start=1):
        text = f"{each['node_id'] or 'no node'}: {each['status']} {each['status_code'] or ''}".rstrip()
        texts[f"attempt {number}"] = text + (f", {each['error']}" if each["error"] else "")
    yield ""
    yield _labelled(texts)


def _nodes(replayed: Replayed) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("NODE", overflow="fold")
    for heading in ("CALLS", "WOULD BE", "CHANGE"):
        table.add_column(heading, justify="right")
    for node_id, share in replayed.nodes.items():
        change = share.after - share.before
        table.add_row(node_id, str(share.before), str(share.after), f"{change:+d}" if change else "0")
    return table


def _moves(replayed: Replayed) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("FROM", overflow="fold")
    table.add_column("TO", overflow="fold")
    table.add_column("CALLS", justify="right")
    for move in replayed.moves[:MOVES_SHOWN]:
        table.add_row(move.before, move.after, str(move.calls))
    if rest := replayed.moves[MOVES_SHOWN:]:
        table.add_row("others", "", str(sum(move.calls for move in rest)))
    return table


def _labelled(texts: Mapping[str, str]) -> RenderableType:
    """The labels, and their texts in a column of its own; none without a text."""
    least, most = LABEL_WIDTHS
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=least, max_width=most, overflow="fold")
    grid.add_column(overflow="fold")
    for label, text in texts.items():
        if text:
            grid.add_row(Text(label), Text(text))
    return grid


def _number(points: float | None) -> str:
    return "-" if points is None else f"{round(points, 1) + 0.0:g}"
