"""Checks of the fleet as a whole: anybody there, anybody waiting, anything lost?"""

from collections.abc import Iterator

from coordinator.health.snapshot import Snapshot
from shared.finding import Finding, Severity

LOST_CRITICAL = 50
"""Traces that are in no file."""
HELD_CRITICAL_SHARE = 0.5
"""Of FLEET_HOLD_LIMIT, beyond which callers are turned away."""


def open_mode(snapshot: Snapshot) -> Iterator[Finding]:
    """open_mode."""
    if snapshot.open:
        yield Finding(
            check_id="open_mode",
            severity="warning",
            title="Open mode is on: no keys are asked for",
            description="Everybody on this network may call and operate the fleet, and every node that comes joins.",
            fix="Unless that is meant: end it, take --open from its command or FLEET_OPEN from its settings, and make "
            "keys for the callers: herd key create",
            command="FLEET_OPEN=false herd",
        )


def keys(snapshot: Snapshot) -> Iterator[Finding]:
    """keys_unusable."""
    if snapshot.keys_unusable:
        yield keys_unusable(snapshot.keys_unusable, snapshot.keys_command)


def keys_unusable(why: str, command: str) -> Finding:
    """Also of a coordinator that does not run."""
    return Finding(
        check_id="keys_unusable",
        severity="critical",
        title="No caller's key counts",
        description=f"{why}. Whoever needs a key is refused.",
        fix="Mend that: the keys count again within a second.",
        command=command,
    )


def pending(snapshot: Snapshot) -> Iterator[Finding]:
    """node_pending."""
    for node_id, code in snapshot.pending:
        yield Finding(
            check_id="node_pending",
            severity="info",
            title=f"{node_id} asks to join and shows {code}",
            description="It came without a token. It gets no calls, and is told nothing, until somebody lets it in.",
            fix=f"Where its own terminal shows {code}, let it in; else: herd deny {node_id}",
            command=f"herd approve {node_id}",
            data={"node_id": node_id, "code": code},
        )


def members(snapshot: Snapshot) -> Iterator[Finding]:
    """no_nodes, no_models."""
    if not snapshot.nodes:
        yield Finding(
            check_id="no_nodes",
            severity="critical",
            title="No node has joined",
            description="There is nobody who could answer a call.",
            fix=f"On each machine: herd-node (if it finds nobody: herd-node --router-url {snapshot.address})",
            command=f"herd-node --router-url {snapshot.address}",
        )
    elif snapshot.present and not any(
        engine.models or engine.replicas for node in snapshot.present for engine in node.beat.engines
    ):
        yield Finding(
            check_id="no_models",
            severity="critical",
            title="No node has a model",
            description=f"{len(snapshot.present)} node(s) are there, and none has a model on disk.",
            fix=f"Pull one: OLLAMA_HOST={snapshot.address} ollama pull llama3.2",
            command=f"OLLAMA_HOST={snapshot.address} ollama pull llama3.2",
        )


def queue(snapshot: Snapshot) -> Iterator[Finding]:
    """queue_pressure."""
    if not snapshot.held:
        return
    severity: Severity = "warning" if snapshot.held > snapshot.running else "info"
    if snapshot.held >= snapshot.held_limit * HELD_CRITICAL_SHARE:
        severity = "critical"
    yield Finding(
        check_id="queue_pressure",
        severity=severity,
        title=f"{snapshot.held} call(s) wait for a place",
        description=f"{snapshot.running} run; beyond {snapshot.held_limit} waiting ones callers are turned away "
        "(FLEET_HOLD_LIMIT).",
        fix="Add a node that has these models (held in /fleet/queue names them), or let an engine take more "
        "calls at once (OLLAMA_NUM_PARALLEL).",
        data={"held": snapshot.held, "running": snapshot.running, "limit": snapshot.held_limit},
    )


def storage(snapshot: Snapshot) -> Iterator[Finding]:
    """trace_store_write_failures, trace_store_unreadable."""
    held = snapshot.storage
    if held.error or held.dropped:
        severity: Severity = "warning" if held.error else "info"
        if held.error and held.dropped >= LOST_CRITICAL:
            severity = "critical"
        yield Finding(
            check_id="trace_store_write_failures",
            severity=severity,
            title="Traces are not being written" if held.error else "Traces were lost",
            description=f"{held.dropped} since the start are in no file, {held.queued} wait."
            + (f" The last try said: {held.error}." if held.error else " Writing works again."),
            fix=f"See whether the disk is full and who else holds {held.path} open.",
            data={"dropped": held.dropped, "queued": held.queued, "error": held.error},
        )
    if snapshot.calls is None:
        yield Finding(
            check_id="trace_store_unreadable",
            severity="warning",
            title="The figures of the last day are not known",
            description=f"{snapshot.calls_error}. Calls are served all the same.",
            fix=f"See whether {held.path} is there, whole, and readable to the coordinator.",
            data={"error": snapshot.calls_error},
        )
