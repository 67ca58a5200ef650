"""Checks of one node: is it there, can it be called, do its agent and engines work?"""

from collections.abc import Iterator

from coordinator.health.snapshot import NodeSeen
from shared.finding import Finding
from shared.wire import Engine


def standing(node: NodeSeen) -> Iterator[Finding]:
    """node_offline, node_degraded. A node whose gateway is being tried for the first time is no finding yet."""
    beat, is_ = node.beat, node.standing
    told = {"state": is_.state, "reason": is_.reason, "gateway": node.address}
    if is_.status == "offline":
        left = is_.state == "left"
        yield Finding(
            check_id="node_offline",
            severity="info" if left else "critical",
            title=f"{beat.node_id} is offline",
            description=f"No call goes there: {is_.reason}.",
            fix="Start herd-node there again."
            if left
            else "See whether the machine is on and connected, and whether herd-node runs there (its log: "
            "logs/herd-node.jsonl in its data directory).",
            node_id=beat.node_id,
            data=told,
        )
    elif is_.status == "degraded" and is_.state != "probing":
        yield Finding(
            check_id="node_degraded",
            severity="warning",
            title=f"{beat.node_id} is {is_.state}",
            description=(
                "No call goes there"
                if is_.state == "unreachable"
                else "It gets calls only when nobody else can"
            )
            + f": {is_.reason}.",
            fix=_REMEDIES.get(is_.state, _REMEDIES["late"]),
            node_id=beat.node_id,
            data=told,
        )


_REMEDIES = {
    "unreachable": "Its heartbeats arrive, but its gateway cannot be reached. Where nobody answers, let the gateway's "
    "port through the node's firewall, or start its agent with --advertise HOST (FLEET_NODE_ADVERTISE), a name or "
    "address under which this coordinator reaches it. Where another program answers, give the agent another "
    "--gateway-port.",
    "suspect": "A connection to its gateway failed. See whether its network is steady; it comes back by itself once "
    "the gateway answers.",
    "late": "Its heartbeats are late. See whether the machine sleeps or is overloaded, and whether its network is "
    "steady.",
}


def set_aside(node: NodeSeen) -> Iterator[Finding]:
    """node_draining, node_cordoned: a person wanted it so; shown so that nobody forgets."""
    if node.standing.status == "offline":
        return
    if node.beat.draining:
        yield Finding(
            check_id="node_draining",
            severity="info",
            title=f"{node.beat.node_id} is draining",
            description="Its agent takes no new calls; the running ones finish.",
            fix="Nothing, if its agent is being stopped. After herd-node drain: herd-node undrain, on that machine.",
            node_id=node.beat.node_id,
        )
    if node.cordoned:
        yield Finding(
            check_id="node_cordoned",
            severity="info",
            title=f"{node.beat.node_id} is {'drained' if node.drained else 'cordoned'}",
            description="A person set it aside: it takes no new calls, also after restarts.",
            fix=f"When that is over: herd uncordon {node.beat.node_id}",
            command=f"herd uncordon {node.beat.node_id}",
            node_id=node.beat.node_id,
        )


def engines(node: NodeSeen) -> Iterator[Finding]:
    """engine_down, no_engine."""
    if node.standing.status == "offline":
        return
    beat = node.beat
    if not beat.engines:
        yield Finding(
            check_id="no_engine",
            severity="warning",
            title=f"{beat.node_id} has no inference engine",
            description="Its agent runs, but found and started no engine, so no call can go there.",
            fix="Start Ollama there, or let the agent start its own engine with --engine embedded.",
            node_id=beat.node_id,
        )
    up = [engine for engine in beat.engines if engine.up]
    for engine in beat.engines:
        if not engine.up and (
            engine.models or not up
        ):  # else one that is only looked for, beside one that serves
            yield _down(node, engine, others=len(up))


def _down(node: NodeSeen, engine: Engine, others: int) -> Finding:
    return Finding(
        check_id="engine_down",
        severity="warning" if others else "critical",
        title=f"{engine.kind} on {node.beat.node_id} is down",
        description=f"{engine.reason or 'It does not answer'}. Calls for its models "
        + ("may go to the node's other engine." if others else "wait or go to other nodes."),
        fix="Start Ollama there again; the agent notices it by itself."
        if engine.kind == "ollama"
        else "The agent starts it again; if it stays down, its own errors are in the node's log of that engine.",
        node_id=node.beat.node_id,
        data={
            "engine": engine.name,
            "reason": engine.reason,
            "models": [model.name for model in engine.models],
        },
    )


def version(node: NodeSeen, coordinators: str) -> Iterator[Finding]:
    """version_mismatch, version_unknown."""
    beat = node.beat
    if node.standing.status == "offline" or beat.agent_version == coordinators:
        return
    known = bool(beat.agent_version)
    yield Finding(
        check_id="version_mismatch" if known else "version_unknown",
        severity="warning" if known else "info",
        title=f"{beat.node_id} runs "
        + (f"version {beat.agent_version}" if known else "an agent of unknown version"),
        description=f"The coordinator runs version {coordinators}.",
        fix="Install the same version on both.",
        node_id=beat.node_id,
        data={"agent_version": beat.agent_version, "router_version": coordinators},
    )
