"""What `herd doctor` makes of the coordinator of this machine, and of what that tells of its nodes. Pure."""

from collections.abc import Iterable, Iterator
from shlex import quote

from msgspec import Struct

from shared.destinations.ranges import kind_of, number
from shared.finding import Finding


class Health(Struct, frozen=True):
    """GET /health, as far as it matters here."""

    version: str = ""
    coordinator_id: str = ""


class Report(Struct, frozen=True):
    """GET /dashboard/api/health: the coordinator's own findings."""

    recommendations: list[Finding] = []


class NodeTold(Struct, frozen=True):
    """A node of /fleet/status."""

    node_id: str
    gateway_url: str = ""
    status: str = ""


class Stranger(Struct, frozen=True):
    """A node that is heard over mDNS and sends no heartbeats here."""

    node_id: str = ""
    reason: str = ""
    coordinator: str = ""
    """Id of the one that it is with; empty: none that it reaches."""


class Discovery(Struct, frozen=True):
    """What the coordinator hears over mDNS."""

    other_nodes: list[Stranger] = []


class Status(Struct, frozen=True):
    """GET /fleet/status, as far as it matters here."""

    nodes: list[NodeTold] = []
    discovery: Discovery = Discovery()


def running(
    found: Health | None, url: str, own_version: str, start: str = "herd", restart: str = "", *, taken: bool
) -> Iterator[Finding]:
    """coordinator_absent, coordinator_runs, coordinator_old. `start`: the command for the one that is meant; `restart`:
    for the installed service, if there is one; `taken`: another program has its port.
    """
    if found is None:
        if not taken:
            yield Finding(
                check_id="coordinator_absent",
                severity="warning",
                title=f"No coordinator runs at {url}",
                description="Nobody can send calls to this machine.",
                fix="Start it, or have it started with the machine: herd service install",
                command=start,
            )
        return
    yield Finding(
        check_id="coordinator_runs",
        severity="info",
        title=f"The coordinator runs at {url}, version {found.version}",
        description="",
        fix="",
        data={"version": found.version, "coordinator_id": found.coordinator_id},
    )
    if found.version != own_version:
        yield Finding(
            check_id="coordinator_old",
            severity="warning",
            title=f"The coordinator that runs is version {found.version}, installed is {own_version}",
            description="It was not restarted since.",
            fix="Restart it: calls that run are given a few seconds to end."
            + ("" if restart else " End the one that runs (ctrl-C in its terminal), then:"),
            command=restart or start,
        )


def priorities_open(path: str) -> Finding:
    """Of the file that FLEET_PRIORITY_KEYS names."""
    return Finding(
        check_id="priorities_open",
        severity="warning",
        title=f"Other users of this machine may change {path}",
        description="It says whose calls go first.",
        fix="Keep it to its owner.",
        command=f"chmod go-w {quote(path)}",
    )


def facing(host: str, own: Iterable[str], port: int) -> Iterator[Finding]:
    """coordinator_public. `host`: on which it listens, empty for all; `own`: this machine's addresses. An IPv6 one is
    public at most homes, behind a router that lets nobody in: only one that was named is told.
    """
    heard = [each for each in own if not host or each == host]
    public = [each for each in heard if _is_public(each) and (host or ":" not in each)]
    if not public:
        return
    private = next((each for each in own if number(each) is not None and not _is_public(each)), "127.0.0.1")
    yield Finding(
        check_id="coordinator_public",
        severity="critical",
        title=f"The coordinator listens on a public address: {', '.join(public)}",
        description="The whole internet can try its keys, and find its holes.",
        fix="Listen on a private address, or behind a VPN:",
        command=f"herd --host {private} --port {port}",
        data={"addresses": public},
    )


def _is_public(text: str) -> bool:
    address = number(text)
    return address is not None and kind_of(address) == "public"


def strangers(found: Iterable[Stranger], url: str, opening: str = "") -> Iterator[Finding]:
    """node_elsewhere. `opening`: the command that lets the coordinator's port in, where a firewall is on."""
    for each in found:
        lost = bool(opening) and not each.coordinator
        yield Finding(
            check_id="node_elsewhere",
            severity="warning",
            title=f"{each.node_id} is on this network, but not with this coordinator",
            description=f"{each.reason}.",
            fix="A firewall is on here: let the coordinator's port in."
            if lost
            else "If it should be with this one, start its agent so:",
            command=opening if lost else f"herd-node --router-url {url}",
            node_id=each.node_id,
        )
