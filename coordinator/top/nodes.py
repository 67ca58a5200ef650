"""The view of nodes: one row each. Pure."""

from collections.abc import Mapping
from typing import Any

from coordinator.top.glyphs import Glyphs, bar, load_style, style_of, symbol
from coordinator.top.table import Cell, Column, Row
from coordinator.top.words import GIB, NONE, age, gib, lasting, rate
from shared.printable import printable

BAR_CELLS = 4
HOT_C, WARM_C = 95.0, 85.0

COLUMNS = (
    Column("NAME", 0, least=14, most=28),
    Column("STATE", 1, most=14),
    Column("AGE", 12, right=True),
    Column("ENGINE", 10, most=20),
    Column("CARD", 17, most=24),
    Column("GPU", 2),
    Column("VRAM", 3),
    Column("VRAM GiB", 11, right=True),
    Column("CPU", 4),
    Column("RAM", 5),
    Column("RAM GiB", 13, right=True),
    Column("TEMP", 8, right=True),
    Column("PWR", 9, right=True),
    Column("MODELS", 14, right=True),
    Column("RUN", 6, right=True),
    Column("TOK/S", 7, right=True),
    Column("TTFT", 15, right=True),
    Column("VER", 16),
)


def node_rows(picture: Mapping[str, Any], now: float, glyphs: Glyphs) -> list[Row]:
    """`now` in seconds of Unix time, by the coordinator's clock."""
    return [Row(node_id, _cells(node_id, node, now, glyphs)) for node_id, node in picture["nodes"].items()]


def state_word(node: Mapping[str, Any]) -> str:
    """Its state; where it is ready, `busy` if calls run, or `no engine` if none of its engines is up."""
    if node["state"] != "ready":
        return str(node["state"])
    if not any(each["up"] for each in node["engines"]):
        return "no engine"
    return "busy" if node["requests_active"] else "ready"


def _cells(node_id: str, node: Mapping[str, Any], now: float, glyphs: Glyphs) -> dict[str, Cell]:
    state, gpus = state_word(node), node["gpus"]
    used, total = (
        sum(each["vram_used_bytes"] for each in gpus),
        sum(each["vram_total_bytes"] for each in gpus),
    )
    away = node["status"] == "offline"
    cells = {
        "NAME": Cell(printable(node_id), "bold"),
        "STATE": Cell(f"{symbol(state, glyphs)} {printable(state)}", style_of(state), state),
        "AGE": Cell(age(now - node["started_at"]), order=now - node["started_at"]),
        "ENGINE": _engines(node),
        "CARD": Cell(_cards(gpus)),
        "GPU": _share(_mean([each["utilization_pct"] for each in gpus]), glyphs),
        "VRAM": _share(used / total if total else None, glyphs),
        "VRAM GiB": Cell(f"{gib(used)}/{gib(total)}" if total else NONE, order=used if total else None),
        "CPU": _share(node["cpu_pct"] / 100, glyphs),
        "RAM": _share(_ratio(node["memory_used_bytes"], node["memory_total_bytes"]), glyphs),
        "RAM GiB": Cell(
            f"{gib(node['memory_used_bytes'])}/{gib(node['memory_total_bytes'])}",
            order=node["memory_used_bytes"],
        ),
        "TEMP": _temperature(node["temperature_c"]),
        "PWR": _power(node),
        "MODELS": Cell(f"{_loaded(node)}/{node['models_on_disk']}", order=_loaded(node)),
        "RUN": Cell(
            str(node["requests_active"]), "bold" if node["requests_active"] else "", node["requests_active"]
        ),
        "TOK/S": Cell(rate(node["tokens_per_s"]), order=node["tokens_per_s"]),
        "TTFT": Cell(lasting(node["ttft_s"]), order=node["ttft_s"]),
        "VER": Cell(printable(node["agent_version"])),
    }
    return {title: _dimmed(title, cell) for title, cell in cells.items()} if away else cells


def _dimmed(title: str, cell: Cell) -> Cell:
    """What is known of a node that is away is old."""
    return cell if title in ("NAME", "STATE") else cell._replace(style="dim")


def _share(share: float | None, glyphs: Glyphs) -> Cell:
    if share is None:
        return Cell(NONE, "dim")
    return Cell(f"{bar(share, BAR_CELLS, glyphs)}{share * 100:4.0f}%", load_style(share), share)


def _mean(percents: list[float | None]) -> float | None:
    told = [each for each in percents if each is not None]
    return sum(told) / len(told) / 100 if told else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _temperature(celsius: float | None) -> Cell:
    if celsius is None:
        return Cell(NONE, "dim")
    style = "red" if celsius >= HOT_C else "yellow" if celsius >= WARM_C else ""
    return Cell(f"{celsius:.0f}C", style, celsius)


def _power(node: Mapping[str, Any]) -> Cell:
    if node["battery_pct"] is not None:
        return Cell(f"bat{node['battery_pct']:.0f}%", "yellow", node["power_watts"])
    watts = node["power_watts"]
    return Cell(NONE, "dim") if watts is None else Cell(f"{watts:.0f}W", order=watts)


def _engines(node: Mapping[str, Any]) -> Cell:
    """`!` stands before one that is down."""
    names = [("" if each["up"] else "!") + printable(each["name"]) for each in node["engines"]]
    down = any(not each["up"] for each in node["engines"])
    return Cell(",".join(names) or NONE, "bold red" if down else "")


def _cards(gpus: list[dict[str, Any]]) -> str:
    names = [printable(each["name"]) for each in gpus]
    total = sum(each["vram_total_bytes"] for each in gpus) / GIB
    if not names:
        return NONE
    return names[0] if len(names) == 1 else f"{len(names)}x {names[0]} {total:.0f}G"


def _loaded(node: Mapping[str, Any]) -> int:
    return len({replica["model"] for engine in node["engines"] for replica in engine["replicas"]})
