"""Nodes as rows. Pure: parts of /fleet/status in, a table out."""

from typing import Any

from coordinator.verbs.columns import Table, number

GIB = 2**30
HEADINGS = ("NAME", "STATE", "ENGINES", "LOADED", "IN-FLIGHT", "CPU%", "MEMORY", "VRAM", "VERSION")
WIDE = ("MODELS", "GPU%", "TEMP", "POWER", "DISK FREE", "CHIP", "ADDRESS", "REASON")


def nodes_table(told: dict[str, Any], wide: bool) -> Table:
    """One row a node. Memory and VRAM as used/total in GiB."""
    rows = [_row(node, wide) for node in told["nodes"]]
    return Table(HEADINGS + WIDE * wide, rows + [_asking(each, wide) for each in told.get("pending", [])])


def node_names(told: dict[str, Any]) -> list[str]:
    """Every node's."""
    return [node["node_id"] for node in told["nodes"]]


def standing(node: dict[str, Any]) -> str:
    """Its finer state, what a person ordered, and whether an engine of it is unsafe."""
    words = [node["state"]]
    if node["cordoned"]:
        words.append("drained" if node["drained"] else "draining" if node["drain"] else "cordoned")
    if unsafe(node):
        words.append("unsafe")
    return ",".join(dict.fromkeys(words))


def unsafe(node: dict[str, Any]) -> list[str]:
    """What its engines let others do past the fleet; a coordinator of an earlier version tells nothing of it."""
    return [str(each) for each in node.get("unsafe", ())]


def vram_gb(node: dict[str, Any]) -> tuple[float, float]:
    """Of all its GPUs, used and total in GiB."""
    total = sum(gpu["vram_total_bytes"] for gpu in node["gpus"]) / GIB
    free = sum(gpu["vram_free_bytes"] for gpu in node["gpus"]) / GIB
    return round(total - free, 3), round(total, 3)


def of_total(used: float, total: float) -> str:
    """`4.8/23.5`; nothing where there is none."""
    return f"{used:.1f}/{total:.1f}" if total else ""


def utilisation(node: dict[str, Any]) -> float | None:
    """Of the busiest GPU, in percent; None: not read."""
    told = [gpu["utilization_pct"] for gpu in node["gpus"] if gpu["utilization_pct"] is not None]
    return max(told, default=None)


def temperature(node: dict[str, Any]) -> float | None:
    """The highest that is read, in degrees Celsius."""
    told = [gpu["temperature_c"] for gpu in node["gpus"]] + [node["thermal"]["temperature_c"]]
    return max((each for each in told if each is not None), default=None)


def power(node: dict[str, Any]) -> float | None:
    """Of all GPUs that tell it, in watts."""
    told = [gpu["power_watts"] for gpu in node["gpus"] if gpu["power_watts"] is not None]
    return sum(told) if told else None


def _row(node: dict[str, Any], wide: bool) -> tuple[str, ...]:
    loaded = [each["name"] for each in node["ollama"]["models_loaded"]]
    narrow = (
        node["node_id"],
        standing(node),
        ",".join(_engine(engine) for engine in _there(node["engines"])),
        str(len(loaded)),
        str(node["requests_active"]),
        number(node["cpu"]["utilization_pct"]),
        of_total(node["memory"]["used_gb"], node["memory"]["total_gb"]),
        of_total(*vram_gb(node)),
        node["agent_version"],
    )
    if not wide:
        return narrow
    return (
        *narrow,
        str(len(node["ollama"]["models_available"])),
        number(utilisation(node)),
        number(temperature(node)),
        number(power(node)),
        f"{node['disk']['available_gb']:.0f}",
        node["hardware"]["chip"] or node["hardware"]["arch"],
        node["gateway_url"],
        "; ".join(each for each in (node["reason"], *unsafe(node)) if each),
    )


def _asking(pending: dict[str, Any], wide: bool) -> tuple[str, ...]:
    """One that is no node yet."""
    state = f"pending({pending['code']})"
    row = (pending["node_id"], state, *[""] * (len(HEADINGS) - 2))
    if not wide:
        return row
    why = "it has joined before, with another key; " if pending["replaces"] else ""
    reason = f"{why}if its own terminal shows {pending['code']}: herd approve {pending['node_id']}"
    return (*row, *[""] * (len(WIDE) - 2), pending["address"], reason)


def _there(engines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without one that is only looked for: never seen up, beside one that is."""
    serving = any(each["up"] for each in engines)
    return [each for each in engines if each["up"] or each["version"] or not serving]


def _engine(engine: dict[str, Any]) -> str:
    kind: str = engine["kind"]
    return kind if engine["up"] else f"{kind}(down)"
