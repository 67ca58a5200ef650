"""Checks of the network for either program: mDNS sent and heard, a second coordinator, firewalls."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shared.adverts import Found
from shared.doctor.commands import started
from shared.doctor.seen import InterfaceSeen, NetworkSeen
from shared.finding import Finding
from shared.sockets import url_of

MDNS_PORT = 5353


def mdns(seen: NetworkSeen, *, remedy: str) -> Iterator[Finding]:
    """mdns_off_here, mdns_unsent, mdns_blocked, mdns_heard, mdns_quiet. `remedy`: a command that does without mDNS."""
    if not seen.interfaces:
        yield Finding(
            check_id="mdns_off_here",
            severity="warning",
            title="No network interface is up",
            description="Other machines can neither be found nor reached.",
            fix="Connect this machine, or use the fleet on this machine only.",
            command=remedy,
        )
    for each in seen.interfaces:
        yield _of_interface(each, seen.firewall, remedy)
    if seen.problem:
        yield Finding(
            check_id="mdns_problem",
            severity="warning",
            title="mDNS does not work well",
            description=f"{seen.problem}.",
            fix="Machines find each other without it by address.",
            command=remedy,
        )


def _of_interface(seen: InterfaceSeen, firewall: str, remedy: str) -> Finding:
    where = f"{seen.interface} ({seen.ip})"
    data = {"interface": seen.interface, "ip": seen.ip, "heard": list(seen.others)}
    if seen.problem:
        return Finding(
            check_id="mdns_unsent",
            severity="warning",
            title=f"mDNS cannot be sent on {where}",
            description=f"{seen.problem}. Nobody is found there.",
            fix="Let UDP port 5353 out, or name the coordinator by its address.",
            command=opening(firewall, MDNS_PORT, "udp") or remedy,
            data=data,
        )
    if not seen.own_heard and not seen.others:
        return Finding(
            check_id="mdns_blocked",
            severity="warning",
            title=f"mDNS is not heard on {where}",
            description="Not even this machine's own question came back, as where a firewall drops UDP port 5353.",
            fix="Let it in, or name the coordinator by its address.",
            command=opening(firewall, MDNS_PORT, "udp") or remedy,
            data=data,
        )
    if seen.others:
        return Finding(
            check_id="mdns_heard",
            severity="info",
            title=f"mDNS is sent and heard on {where}",
            description=f"{len(seen.others)} other machine(s) or programs answered.",
            fix="",
            data=data,
        )
    return Finding(
        check_id="mdns_quiet",
        severity="info",
        title=f"mDNS is sent on {where}, and no other machine answered",
        description="Fine where this machine is alone there. Else a firewall or the network may keep it back: guest "
        "networks and some access points let no machine see another.",
        fix="If another machine of the fleet is there: let UDP port 5353 in on both, or name the coordinator.",
        command=opening(firewall, MDNS_PORT, "udp") or remedy,
        data=data,
    )


def coordinators(
    found: Iterable[Found], own_id: str = "", given: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """second_coordinator. `own_id`: this machine's coordinator, if it has one; `given`: its agent's flags."""
    known = {each.fields.get("id", each.name): each for each in found}
    others = {mark: each for mark, each in known.items() if mark != own_id}
    if len(known) < 2 and (not own_id or not others):
        return
    shown = [each for mark, each in sorted(others.items()) if each.addresses]
    told = ", ".join(f"{mark[:8]} at {', '.join(each.addresses)}" for mark, each in sorted(others.items()))
    yield Finding(
        check_id="second_coordinator",
        severity="warning",
        title=f"{len(others) + bool(own_id)} coordinators are on this network",
        description=f"{'Beside this machine' if own_id else 'They are'}: {told}. A node is with one of them only.",
        fix="End the one that is not wanted, or tell each node which is its own.",
        command=started("herd-node", given, router_url=url_of(shown[0].addresses[0], shown[0].port))
        if shown
        else "",
        data={"coordinators": sorted(others)},
    )


def opening(firewall: str, port: int, protocol: str) -> str:
    """The command that lets a port in; empty: no firewall is known."""
    return {
        "ufw": f"sudo ufw allow {port}/{protocol}",
        "firewalld": f"sudo firewall-cmd --permanent --add-port={port}/{protocol} && sudo firewall-cmd --reload",
    }.get(firewall, "")
