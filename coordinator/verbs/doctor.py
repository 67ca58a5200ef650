"""`herd doctor`: is all well with this machine, its network, and the coordinator that runs here?"""

import contextlib
import shlex
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coordinator.access import key_file
from coordinator.access.key_file import KeyFile, KeysUnusable
from coordinator.config import PREFIX, Settings
from coordinator.health.fleet_checks import keys_unusable
from coordinator.reachable import reachable
from coordinator.verbs.doctor_checks import (
    Health,
    NodeTold,
    Report,
    Status,
    facing,
    priorities_open,
    running,
    strangers,
)
from shared import __version__
from shared.autostart.installing import restarting
from shared.doctor import directory_checks, looks, machine_checks, network_checks
from shared.doctor.browsing import network
from shared.doctor.commands import started
from shared.doctor.directory_looks import directory
from shared.doctor.seen import NetworkSeen, PortSeen
from shared.doctor.telling import shown
from shared.finding import Finding
from shared.interfaces import own_addresses
from shared.private import is_open
from shared.settings import SettingsError, resolve
from shared.sockets import is_loopback, only_address, url_of

ASKED_AT_ONCE = 16
MOST_NODES = 256
"""Whose clocks are looked at."""


def doctor(flags: dict[str, Any], wait_s: float, output: str) -> int:
    """The exit code: 1 where something is broken. `wait_s`: how long mDNS is listened to; 0: not at all."""
    return shown(list(_found(flags, wait_s)), output)


def _found(flags: dict[str, Any], wait_s: float) -> Iterator[Finding]:
    problem, settings = "", Settings()
    warnings: tuple[str, ...] = ()
    try:
        resolved = resolve(Settings, PREFIX, flags, other_prefixes=("FLEET_NODE_",))
        settings, warnings = resolved.values, resolved.warnings
    except SettingsError as error:
        problem = str(error)
    yield from machine_checks.settings(problem, warnings)
    place = directory(settings.directory())
    yield from directory_checks.directory(place, "herd", flags)
    if settings.priority_keys:  # else it is one of that directory
        yield from _of_priorities(settings.priorities())
    yield from machine_checks.room(looks.room(settings.directory()), for_models=False)
    url = url_of(only_address(settings.host) or "127.0.0.1", settings.port)
    known = looks.decoded(looks.ask(f"{url}/health").body, Health)
    health = known if known and known.coordinator_id else None
    if health is None and place.exists and not place.problem:  # one that runs tells it by itself
        yield from _of_keys(settings.directory())
    port = _port(settings, ours=health is not None)
    yield from machine_checks.port(port, flags)
    restart = shlex.join(restarting("herd", "coordinator"))
    yield from running(health, url, __version__, started("herd", flags), restart, taken=port.taken)
    own = sorted(each.ip for each in own_addresses())
    yield from facing(
        only_address(settings.host) or "", [] if is_loopback(settings.host) else own, settings.port
    )
    others = reachable(
        url_of(settings.host or "0.0.0.0", settings.port), own_addresses(), socket.gethostname()
    )
    if health is not None:
        yield from _of_the_fleet(url, others)
    if settings.mdns and wait_s > 0 and not is_loopback(settings.host):
        own_id = health.coordinator_id if health else _kept_id(settings.directory())
        yield from _of_the_network(network(settings.mdns_service_type, wait_s), own_id, others)


def _of_priorities(path: Path) -> Iterator[Finding]:
    with contextlib.suppress(OSError):  # a start would tell
        if is_open(path):
            yield priorities_open(str(path))


def _of_keys(directory: Path) -> Iterator[Finding]:
    try:
        KeyFile(directory / key_file.FILE).read()
    except KeysUnusable as error:
        yield keys_unusable(error.why, error.command)


def _port(settings: Settings, *, ours: bool) -> PortSeen:
    host = only_address(settings.host) or "127.0.0.1"
    found = looks.listeners(settings.port)
    return PortSeen(
        program="herd",
        port=settings.port,
        flag="port",
        setting="FLEET_PORT",
        taken=ours or looks.is_taken(host, settings.port),
        ours=ours,
        listeners=found,
    )


def _of_the_fleet(url: str, others: str) -> Iterator[Finding]:
    """What the coordinator finds itself, and what only another clock can tell. `others`: its address for them."""
    report = looks.decoded(looks.ask(f"{url}/dashboard/api/health").body, Report)
    if report is not None:
        yield from report.recommendations
    status = looks.decoded(looks.ask(f"{url}/fleet/status").body, Status)
    if status is None:
        return
    yield from strangers(
        status.discovery.other_nodes,
        others,
        network_checks.opening(looks.firewall(), urlsplit(url).port or 0, "tcp"),
    )
    there = [node for node in status.nodes if node.gateway_url and node.status != "offline"][:MOST_NODES]
    with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
        for node, answer in zip(there, threads.map(_gateway, there), strict=True):
            yield from machine_checks.clock(node.node_id, answer, sys.platform)


def _gateway(node: NodeTold) -> Any:
    return looks.ask(f"{node.gateway_url}/")


def _of_the_network(seen: NetworkSeen, own_id: str, url: str) -> Iterator[Finding]:
    yield from network_checks.mdns(seen, remedy=f"herd-node --router-url {url}")
    yield from network_checks.coordinators(seen.coordinators, own_id)


def _kept_id(directory: Path) -> str:
    try:
        return (directory / "coordinator-id").read_text(errors="replace").strip()
    except OSError:
        return ""
