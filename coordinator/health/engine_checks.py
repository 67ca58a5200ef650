"""Checks of one node: is an engine of it open to whoever is on its network, or does it have known holes?"""

from collections.abc import Iterable, Iterator

from coordinator.core.node import Standing
from coordinator.health.snapshot import NodeSeen
from shared.doctor import engine_checks
from shared.finding import Finding
from shared.known_holes import known_holes, numbers
from shared.wire import Engine

ADDRESSES_TOLD = 3
"""In a few words; findings tell all."""
LOOPBACK = "127.0.0.1"
"""What OLLAMA_HOST should say; a beat does not tell the port."""


def unsafe_engines(node: NodeSeen) -> Iterator[Finding]:
    """engine_hole, engine_open."""
    node_id = node.beat.node_id
    for engine in _running(node.standing, node.beat.engines):
        if engine.kind == "ollama":
            yield from engine_checks.holes(engine.version, facing=bool(engine.open_at), node_id=node_id)
        if engine.open_at and engine.kind == "ollama":
            yield engine_checks.open_ollama(engine.open_at, LOOPBACK, unit=None, node_id=node_id)
        elif engine.open_at:
            yield engine_checks.open_engine(engine.name, engine.open_at, node_id)


def unsafe(standing: Standing, engines: Iterable[Engine]) -> list[str]:
    """The same in a few words each, for lists of nodes; empty: nothing is known of them that would be unsafe."""
    words = []
    for engine in _running(standing, engines):
        if engine.open_at:
            words.append(f"{engine.name} faces the network at {_few(engine.open_at)}")
        if engine.kind == "ollama" and (holes := known_holes(engine.version)):
            plain = ".".join(map(str, numbers(engine.version)))
            words.append(f"Ollama {plain} has known holes: {', '.join(holes)}")
    return words


def _few(addresses: list[str]) -> str:
    more = len(addresses) - ADDRESSES_TOLD
    return ", ".join(addresses[:ADDRESSES_TOLD]) + (f" and {more} more" if more > 0 else "")


def _running(standing: Standing, engines: Iterable[Engine]) -> list[Engine]:
    """Those that answer; what an offline node said is the past."""
    return [] if standing.status == "offline" else [each for each in engines if each.up]
