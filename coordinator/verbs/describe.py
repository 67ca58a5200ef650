"""`herd describe node NODE`: the machine, its engines, and what happened to them."""

import time
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

import click

from coordinator.verbs.connection import OK, ask
from coordinator.verbs.nodes_view import unsafe
from coordinator.verbs.saying import rendered, say

Output = Literal["text", "json"]
GIB = 2**30
INDENT = 21
"""Columns of a date and time, below which an event's lines stand."""


def describe_node(node: str, *, url: str, output: Output) -> int:
    """Exit code. Raises NoAnswer."""
    told = ask("GET", f"/fleet/nodes/{quote(node, safe='')}", url=url)
    text = described(told)
    if output == "json":
        click.echo(rendered(told, "json", whole=False))
    else:
        say(text)
    return OK


def described(node: dict[str, Any]) -> str:
    """Of its part of /fleet/status, for a person; times are those of this machine's zone."""
    sections = [_standing(node), _machine(node), _engines(node), _events(node)]
    return "\n".join(line for section in sections for line in section)


def _standing(node: dict[str, Any]) -> Iterator[str]:
    state = "" if node["state"] in ("ready", node["status"]) else f", {node['state']}"
    reason = f": {node['reason']}" if node["reason"] else ""
    yield f"{node['node_id']}  {node['status']}{state}{reason}"
    if "gateway_url" in node:
        heard = f"heard {node['heartbeat_age_s']:.1f} s ago"
        yield f"  gateway   {node['gateway_url']}, herd-node {node['agent_version'] or '?'}, {heard}"
    yield f"  calls     {node['requests_active']} running"
    yield from (f"  unsafe    {words}" for words in unsafe(node))
    for circuit in node.get("circuits", ()):
        yield f"  circuit   {circuit['engine']}, {circuit['model']}: {circuit['reason'] or circuit['state']}"


def _machine(node: dict[str, Any]) -> Iterator[str]:
    if "hardware" not in node:
        return
    hardware, memory = node["hardware"], node["memory"]
    words = [hardware["chip"], hardware["arch"], f"{hardware['cores_physical']} cores"]
    words.append(f"{memory['available_gb']:.1f} of {memory['total_gb']:.1f} GiB free")
    if rate := hardware["memory_bandwidth_gbps"]:
        words.append(f"{rate:g} GB/s")
    yield f"  machine   {', '.join(word for word in words if word)}"
    for gpu in node["gpus"]:
        free, total = gpu["vram_free_bytes"] / GIB, gpu["vram_total_bytes"] / GIB
        yield f"  gpu {gpu['index']:<5} {gpu['name'] or '?'}, {free:.1f} of {total:.1f} GiB free"
    if capacity := node.get("capacity"):
        yield f"  owner     leaves {capacity['mode']}{' (' + capacity['reason'] + ')' if capacity['reason'] else ''}"


def _engines(node: dict[str, Any]) -> Iterator[str]:
    engines = node.get("engines", [])
    yield "engines:" if engines else "engines: none"
    for engine in engines:
        name, kind = f"{engine['name']:<11}", f"{engine['kind']} {engine['version']}".strip()
        yield f"  {name} {kind}, {'up' if engine['up'] else 'down: ' + engine['reason']}"
        if engine["restricted"]:
            price = f", {engine['price_in']:g} and {engine['price_out']:g} a million tokens in and out"
            priced = engine["price_in"] or engine["price_out"]
            yield f"  {'':<12}only for calls that allow it ({engine['restricted']}{price if priced else ''})"
        loaded = {each["model"]: each for each in engine["replicas"]}
        for model in engine["models"]:
            yield f"  {'':<12}{_model(model, loaded.get(model['name']))}"


def _model(model: dict[str, Any], replica: dict[str, Any] | None) -> str:
    words = [model["name"]]
    if replica is None:
        words.append("not loaded")
    else:
        words.append(f"loaded, {replica['in_flight']} of {replica['slots_total']} slots busy")
        if replica["context_length"]:
            words.append(f"context {replica['context_length']}")
    return ", ".join([*words, " ".join(model["abilities"])] if model["abilities"] else words)


def _events(node: dict[str, Any]) -> Iterator[str]:
    yield "events:" if node.get("events") else "events: none"
    yield from engine_events(node)


def engine_events(node: dict[str, Any]) -> Iterator[str]:
    """What happened to the engines that its agent runs, with their last words: newest last, as in a log."""
    for event in node.get("events", []):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
        code = "" if event["code"] is None else f", {_code(event['code'])}"
        yield f"  {when}  {event['engine']}: {event['kind']}{code} ({event['rung']}); {event['then']}"
        yield from (f"  {'':<{INDENT}}{line}" for line in event["lines"])


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
