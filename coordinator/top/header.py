"""The lines above the table: whose fleet it is and how it does. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from coordinator.top.glyphs import Glyphs, sparkline
from coordinator.top.words import age, lasting, rate
from shared.printable import printable

LONGEST_LINE = 40
"""Cells of the line of past figures."""
OPEN = " OPEN: no keys"
"""Behind the address of a coordinator that asks for none."""
ASKING_MOST = 2
"""Machines that ask to join, by name; of more, their number."""
UNSAFE_MOST = 2
"""Nodes with an engine that is unsafe, likewise."""
FAILING, BAD = 0.01, 0.05
"""Share of errors from which it is yellow, or red."""

Piece = tuple[str, str]
"""Text and style."""


def title_line(
    fleet: Mapping[str, Any],
    url: str,
    now: float,
    past: Sequence[float],
    width: int,
    glyphs: Glyphs,
    unsafe: Sequence[str] = (),
) -> list[Piece]:
    """Name, version, time it runs, address; to the right the line of tokens/s, as far as there is room. `unsafe`:
    nodes with such an engine.
    """
    left = f"herd {printable(fleet['name'])} {fleet['version']} up {age(now - fleet['started_at'])} {url}"
    opened = (OPEN if fleet.get("open") else "") + asking_words(fleet.get("pending", []))
    opened += unsafe_words(unsafe)
    opened = opened[: width - 1]
    left = left[: max(0, width - len(opened))]
    pieces = [(left, "bold"), (opened, "bold red")] if opened else [(left, "bold")]
    used = len(left) + len(opened)
    room = min(LONGEST_LINE, len(past), width - used - 8)
    if room < 1:
        return pieces
    label = " tok/s "
    gap = width - used - len(label) - room
    return [*pieces, (" " * gap + label, "dim"), (sparkline(past, room, glyphs), "cyan")]


def asking_words(pending: Sequence[Mapping[str, str]]) -> str:
    """` JOIN? laptop 402817: herd approve laptop`; nothing where nobody asks."""
    if not pending:
        return ""
    named = ", ".join(f"{printable(each['node_id'])} {each['code']}" for each in pending[:ASKING_MOST])
    more = f" and {len(pending) - ASKING_MOST} more" if len(pending) > ASKING_MOST else ""
    return f" JOIN? {named}{more}: herd approve"


def unsafe_words(nodes: Sequence[str]) -> str:
    """` UNSAFE laptop: herd doctor`; nothing where no engine is."""
    if not nodes:
        return ""
    more = f" and {len(nodes) - UNSAFE_MOST} more" if len(nodes) > UNSAFE_MOST else ""
    return f" UNSAFE {', '.join(map(printable, nodes[:UNSAFE_MOST]))}{more}: herd doctor"


def unsafe_nodes(picture: Mapping[str, Any]) -> list[str]:
    """By name: those that have an engine which faces the network, or has known holes."""
    return [node_id for node_id, node in picture["nodes"].items() if node.get("unsafe")]


def figures_line(fleet: Mapping[str, Any], alerts: int, width: int) -> list[Piece]:
    """What a person looks at first; what has no room is left out, from the end."""
    up, every = fleet["nodes_online"], fleet["nodes_total"]
    ratio, held = fleet["error_ratio"], fleet["requests_held"]
    told = [
        ("nodes", f"{up}/{every}", "green" if up == every and every else "bold yellow" if up else "bold red"),
        ("models", str(fleet["models_loaded"]), ""),
        ("run", str(fleet["requests_active"]), "bold"),
        ("held", str(held), "bold magenta" if held else ""),
        ("tok/s", rate(fleet["tokens_per_s"]), "cyan"),
        ("err", f"{ratio * 100:.0f}%", "bold red" if ratio >= BAD else "yellow" if ratio >= FAILING else ""),
        ("alerts", str(alerts), "bold red" if alerts else ""),
        ("TTFT", f"{lasting(fleet['ttft_p50_s'])}/{lasting(fleet['ttft_p95_s'])}", ""),
        ("req/s", rate(fleet["requests_per_s"]), ""),
    ]
    if fleet["power_watts"] is not None:
        told.append(("power", f"{fleet['power_watts']:.0f}W", ""))
    pieces: list[Piece] = []
    used = 0
    for label, value, style in told:
        gap = 2 if pieces else 0
        if used + gap + len(label) + 1 + len(value) > width:
            break
        used += gap + len(label) + 1 + len(value)
        pieces += [(" " * gap + label + " ", "dim"), (value, style)]
    return pieces


def alerts_of(picture: Mapping[str, Any]) -> int:
    """Nodes that take no calls though nobody set them aside, and engines that are down."""
    away: int = sum(node["status"] != "online" for node in picture["nodes"].values())
    down: int = sum(
        not engine["up"]
        for node in picture["nodes"].values()
        if node["status"] == "online"
        for engine in node["engines"]
    )
    return away + down
