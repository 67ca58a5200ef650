"""Values for tests of health and advice, each with defaults that a test overrides by name."""

from typing import Any

import msgspec

from coordinator.core.node import Standing
from coordinator.health.report import findings_of
from coordinator.health.snapshot import CallFigures, NodeSeen, Snapshot, StatusCount
from shared.finding import Finding
from shared.wire import Engine, Heartbeat
from tests.fakes.builders import a_beat, with_loaded

VERSION = "1.2.3"
ADDRESS = "http://workstation:11435"
"""The coordinator's."""
ONLINE = Standing("online", "ready")


def a_node(
    *engines: Engine, node_id: str = "n1", standing: Standing = ONLINE, cordoned: bool = False, **changes: Any
) -> NodeSeen:
    """Online, of the coordinator's version, with three models loaded; `changes` are of its beat."""
    loaded = engines or (with_loaded("a", "b", "c"),)
    beat: Heartbeat = a_beat(node_id, *loaded)
    beat = msgspec.structs.replace(beat, **({"agent_version": VERSION} | changes))
    return NodeSeen(beat=beat, standing=standing, address=f"http://{node_id}:11436", cordoned=cordoned)


def a_snapshot(*nodes: NodeSeen, **changes: Any) -> Snapshot:
    """A fleet of `nodes`, one good node where none is given, with no calls yet."""
    fields: dict[str, Any] = {
        "now": 1000.0,
        "version": VERSION,
        "address": ADDRESS,
        "nodes": nodes or (a_node(),),
    }
    return Snapshot(**(fields | {"calls": CallFigures()} | changes))


def found(snapshot: Snapshot) -> dict[str, str]:
    """Severities by check."""
    return {finding.check_id: finding.severity for finding in findings_of(snapshot)}


def the(snapshot: Snapshot, check_id: str) -> Finding:
    """The one finding of that check."""
    (finding,) = [each for each in findings_of(snapshot) if each.check_id == check_id]
    return finding


def calls(*rows: tuple[str, str, int, int], **changes: Any) -> CallFigures:
    """Rows of node, status, count and count of the last hour."""
    return CallFigures(counts=tuple(StatusCount(*row) for row in rows), **changes)
