"""What stands in a panel about one node, model or request. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coordinator.top.glyphs import Glyphs, bar
from coordinator.top.nodes import state_word
from coordinator.top.words import GIB, NONE, age, count, gib, lasting, rate
from shared.printable import printable

WIDE_BAR = 20
EVENTS_SHOWN = 10
Told = Mapping[str, Any]


def node_lines(picture: Told, node_id: str, now: float, glyphs: Glyphs) -> Iterator[str]:
    """State, machine, cards, engines with their replicas, requests there, events. Of one that has gone: that."""
    node = picture["nodes"].get(node_id)
    if node is None:
        yield f"{node_id} is not known any more"
        yield from _events(picture, node_id, now)
        return
    reason = f": {node['reason']}" if node["reason"] else ""
    yield f"state     {state_word(node)}{reason}"
    yield from (f"unsafe    {words}" for words in node.get("unsafe", ()))
    yield f"agent     {node['agent_version']}, up {age(now - node['started_at'])}, at {node['gateway_url']}"
    if node["chip"]:
        yield f"machine   {node['chip']}"
    yield _barred("CPU", node["cpu_pct"] / 100, "", glyphs)
    total = node["memory_total_bytes"]
    yield _barred("RAM", node["memory_used_bytes"] / total if total else None, _sizes(node, "memory"), glyphs)
    for number, gpu in enumerate(node["gpus"]):
        yield from _gpu(number, gpu, glyphs)
    running, quick = node["requests_active"], rate(node["tokens_per_s"])
    yield f"calls     {running} running, {quick} tok/s, TTFT {lasting(node['ttft_s'])}"
    yield from _engines(node)
    yield from _calls_at(picture, node_id, now)
    yield from _events(picture, node_id, now)


def model_lines(picture: Told, name: str, now: float) -> Iterator[str]:
    """Where it is in memory, and what runs or waits."""
    model = picture["models"].get(name)
    if model is None:
        yield f"no node has {name} any more"
        return
    yield f"digest    {model['digest'] or NONE}"
    yield f"size      {gib(model['size_bytes'])} GiB {model['quantization']}"
    yield f"calls     {model['running']} running, {model['held']} held, {rate(model['tokens_per_s'])} tok/s"
    yield f"nodes     {model['nodes_loaded']} have it in memory, {model['nodes_on_disk']} on disk"
    yield ""
    yield "IN MEMORY AT"
    for node_id, node in picture["nodes"].items():
        for engine in node["engines"]:
            for replica in engine["replicas"]:
                if replica["model"] == name:
                    yield f"  {node_id}/{engine['name']}: {_replica(replica)}"
    yield ""
    yield "CALLS"
    for key, call in picture["requests"].items():
        if call["model"] == name:
            yield f"  {key} {call['phase']} {age(now - call['arrived_at'])} at {call['node_id'] or 'no node yet'}"


def request_lines(picture: Told, key: str, now: float) -> Iterator[str]:
    """How far it is."""
    call = picture["requests"].get(key)
    if call is None:
        yield f"request   {key}"
        yield "phase     ended"
        return
    yield f"request   {key}"
    yield f"model     {call['model']} ({call['operation']}), {call['priority']}"
    yield f"from      {call['client'] or NONE} {' '.join(call['tags'])}".rstrip()
    where, lasted = call["node_id"] or "no node yet", age(now - call["arrived_at"])
    yield f"phase     {call['phase']} at {where}, {lasted} since it came"
    read, written = count(call["tokens_in"]), count(call["tokens_out"])
    yield f"tokens    {read} in, {written} out, {rate(call['tokens_per_s'])} tok/s"
    yield f"retries   {call['retries']}"


def safe(lines: Iterable[str]) -> list[str]:
    """Names and reasons come from other machines: they must not steer the terminal."""
    return [printable(each) for each in lines]


def _sizes(node: Told, name: str) -> str:
    return f"{gib(node[f'{name}_used_bytes'])} of {gib(node[f'{name}_total_bytes'])} GiB"


def _barred(label: str, share: float | None, text: str, glyphs: Glyphs) -> str:
    if share is None:
        return f"{label:<9} {NONE}"
    return f"{label:<9} {bar(share, WIDE_BAR, glyphs)} {share * 100:3.0f}% {text}".rstrip()


def _gpu(number: int, gpu: Told, glyphs: Glyphs) -> Iterator[str]:
    used, total = gpu["vram_used_bytes"], gpu["vram_total_bytes"]
    heat = "" if gpu["temperature_c"] is None else f", {gpu['temperature_c']:.0f}C"
    power = "" if gpu["power_watts"] is None else f", {gpu['power_watts']:.0f}W"
    busy = None if gpu["utilization_pct"] is None else gpu["utilization_pct"] / 100
    yield _barred(f"GPU {number}", busy, f"{gpu['name']}{heat}{power}", glyphs)
    if total:
        yield _barred("  VRAM", used / total, f"{gib(used)} of {gib(total)} GiB", glyphs)


def _engines(node: Told) -> Iterator[str]:
    yield ""
    yield "ENGINES"
    for engine in node["engines"]:
        state = "up" if engine["up"] else f"DOWN: {engine['reason']}"
        yield f"  {engine['name']} ({engine['kind']} {engine['version'] or '?'}): {state}"
        for replica in engine["replicas"]:
            yield f"    {replica['model']}: {_replica(replica)}"
    if not node["engines"]:
        yield "  none"


def _replica(replica: Told) -> str:
    size = f"{replica['size_bytes'] / GIB:.1f} GiB"
    if replica["vram_bytes"] is not None:
        size += f", {replica['vram_bytes'] / GIB:.1f} in VRAM"
    context = f", context {count(replica['context_length'])}" if replica["context_length"] else ""
    return f"{size}{context}, {replica['in_flight']} of {replica['slots_total']} slots in use"


def _calls_at(picture: Told, node_id: str, now: float) -> Iterator[str]:
    here = [(key, call) for key, call in picture["requests"].items() if call["node_id"] == node_id]
    if here:
        yield ""
        yield "REQUESTS"
    for key, call in here:
        yield f"  {key} {call['model']} {call['phase']} {age(now - call['arrived_at'])}"


def _events(picture: Told, node_id: str, now: float) -> Iterator[str]:
    here = [each for each in reversed(picture["events"]) if each["node_id"] == node_id][:EVENTS_SHOWN]
    if here:
        yield ""
        yield "EVENTS"
    for each in here:
        yield f"  {age(now - each['at'])} ago {each['kind']}: {each['text']}"
