"""`herd-node doctor`: is all well with this machine, its engines, and the way to its coordinator?"""

import contextlib
import importlib.util
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from agent import exposure
from agent.addresses import COORDINATOR_PORT, NoAddress, base_url, ollama_url
from agent.config import PREFIX, Settings
from agent.engines.engines_file import read_file
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.ollama_start import PROGRAM
from agent.engines.wanted import WantedError, sections, wanted
from agent.joining.membership import BadMembership, MembershipFile
from agent.presence import found as presence_of
from agent.sensors.gpu import GpuSensor
from agent.sensors.nvidia import driver_version
from agent.verbs import doctor_checks, joining_checks
from agent.verbs.doctor_checks import CoordinatorSeen, GpusSeen, OllamaSeen
from shared import __version__
from shared.doctor import directory_checks, looks, machine_checks, network_checks
from shared.doctor.browsing import network
from shared.doctor.commands import started
from shared.doctor.directory_looks import directory
from shared.doctor.seen import NetworkSeen, PortSeen
from shared.doctor.source import installed
from shared.doctor.telling import shown
from shared.finding import Finding
from shared.interfaces import own_addresses, reach_order
from shared.settings import SettingsError, resolve
from shared.sockets import is_loopback, url_of

DRIVER_S = 8.0
"""A driver that sleeps takes seconds to wake."""
MOST_TRIED = 16
"""Addresses at which a coordinator is looked for."""
PCI = Path("/sys/bus/pci/devices")
UNITS = (Path("/etc/systemd/system/ollama.service"), Path("/usr/lib/systemd/system/ollama.service"))


class _Version(msgspec.Struct):
    version: str = ""


class _Health(msgspec.Struct):
    coordinator_id: str
    version: str = ""


class _Node(msgspec.Struct):
    node_id: str
    status: str = ""
    state: str = ""
    reason: str = ""
    gateway_url: str = ""


class _Status(msgspec.Struct):
    nodes: list[_Node] = []


def doctor(flags: dict[str, Any], wait_s: float, output: str) -> int:
    """The exit code: 1 where something is broken. `wait_s`: how long mDNS is listened to; 0: not at all."""
    return shown(list(_found(flags, wait_s)), output)


def _found(flags: dict[str, Any], wait_s: float) -> Iterator[Finding]:
    problem, settings = "", Settings()
    warnings: tuple[str, ...] = ()
    try:
        resolved = resolve(Settings, PREFIX, flags)
        settings, warnings = resolved.values, resolved.warnings
        router_url = base_url(settings.router_url, COORDINATOR_PORT) if settings.router_url else ""
        ollama = ollama_url(settings.ollama_host)
    except (SettingsError, NoAddress) as error:
        problem, router_url, ollama = str(error), "", ollama_url(Settings().ollama_host)
    kinds, wrong = _kinds(settings)
    yield from machine_checks.settings(problem or wrong, warnings)
    data_dir = Path(settings.data_dir).expanduser()
    yield from directory_checks.directory(directory(data_dir), "herd-node", flags)
    yield from machine_checks.room(looks.room(data_dir), for_models=True)
    agent = presence_of(data_dir / "nodes" / settings.name)
    yield from machine_checks.port(_port(settings, agent.pid if agent else None), flags)
    yield from doctor_checks.engines(
        _ollama(ollama),
        kinds,
        embedded=importlib.util.find_spec("xllamacpp") is not None,
        startable=settings.start_ollama and is_loopback(ollama) and shutil.which(PROGRAM) is not None,
        herd=installed(),
    )
    yield from doctor_checks.gpus(_gpus(), sys.platform)
    seen = NetworkSeen(firewall=looks.firewall())
    if settings.mdns and wait_s > 0 and not is_loopback(router_url):
        seen = network(settings.mdns_service_type, wait_s)
        yield from network_checks.mdns(
            seen, remedy=started("herd-node", flags, router_url="http://HOST:11435")
        )
        yield from network_checks.coordinators(seen.coordinators, given=flags)
    yield from _of_the_coordinator(settings, router_url, seen, flags, runs=agent is not None)


def _kinds(settings: Settings) -> tuple[tuple[str, ...], str]:
    """Of the engines that are named, by --engine or engines.toml; and what is wrong with these."""
    try:
        file = sections(read_file(Path(settings.data_dir).expanduser() / "nodes" / settings.name))
        return tuple(each.kind for each in wanted(settings.engine, file, KINDS, BUILT_IN)), ""
    except WantedError as error:
        return (), str(error)


def _port(settings: Settings, agents_pid: int | None) -> PortSeen:
    found = looks.listeners(settings.gateway_port)
    pids = {each.pid for each in found if each.pid}
    return PortSeen(
        program="herd-node",
        port=settings.gateway_port,
        flag="gateway_port",
        setting="FLEET_NODE_GATEWAY_PORT",
        taken=bool(found) or looks.is_taken("127.0.0.1", settings.gateway_port),
        ours=agents_pid is not None and (agents_pid in pids or not pids),
        listeners=found,
    )


def _ollama(url: str) -> OllamaSeen:
    answer = looks.ask(f"{url}{exposure.VERSION_PATH}")
    told = looks.decoded(answer.body, _Version)
    if told is None or not told.version:
        return OllamaSeen(url=url, problem=answer.problem or "something else answers there")
    open_at = tuple(_open_at(url, answer.body))
    return OllamaSeen(url=url, version=told.version, open_at=open_at, unit=any(map(Path.exists, UNITS)))


def _open_at(url: str, home: bytes) -> Iterator[str]:
    """Whoever is reached on this machine's own addresses is reached by others. `home`: what it answers at its URL."""
    mine = own_addresses()
    if not is_loopback(url) and urlsplit(url).hostname not in {each.ip for each in mine}:
        return
    for ip in exposure.candidates(mine):
        there = looks.ask(exposure.at(url, ip) + exposure.VERSION_PATH, timeout_s=1.0)
        if exposure.alike("ollama", home, there.body):
            yield ip


def _gpus() -> GpusSeen:
    """A driver may never answer: it is asked by a thread that nobody waits for any longer than DRIVER_S."""
    on_bus, seen = _nvidia_on_bus(PCI), []

    def read() -> None:
        sensor = GpuSensor()
        told = tuple(sensor.read())
        seen.append(GpusSeen(nvidia_on_bus=on_bus, driver=driver_version(), told=told, reason=sensor.reason))

    reading = threading.Thread(target=read, daemon=True, name="gpus")
    reading.start()
    reading.join(DRIVER_S)
    silent = GpusSeen(nvidia_on_bus=max(1, on_bus), reason=f"it did not answer within {DRIVER_S:.0f} s")
    return seen[0] if seen else silent


def _nvidia_on_bus(devices: Path) -> int:
    """Display controllers of NVIDIA; 0 also where there is no such directory."""
    count = 0
    for device in devices.glob("*"):
        with contextlib.suppress(OSError):
            vendor, kind = (device / "vendor").read_text(), (device / "class").read_text()
            count += vendor.strip() == "0x10de" and kind.startswith("0x03")
    return count


def _of_the_coordinator(
    settings: Settings, router_url: str, seen: NetworkSeen, flags: dict[str, Any], *, runs: bool
) -> Iterator[Finding]:
    tried: list[tuple[str, str]] = []
    there, coordinator_id = None, ""
    for url in _addresses(router_url, seen):
        answer = looks.ask(f"{url}/health")
        health = looks.decoded(answer.body, _Health)
        if health is not None:
            there, coordinator_id = CoordinatorSeen(url=url, version=health.version), health.coordinator_id
            yield from machine_checks.clock("the coordinator", answer, sys.platform)
            break
        tried.append((url, answer.problem or "something else answers there"))
    closed, joined_to = False, _joined_to(settings)
    if there is not None:
        closed = looks.ask(f"{there.url}/fleet/status").status in (401, 403)
        there = _with_node(there, settings.name)
    yield from doctor_checks.coordinator(there, tried, __version__, flags, installed())
    if there is not None and not there.knows and runs and (closed or joined_to):
        yield from joining_checks.joined(joined_to, coordinator_id, settings.name, there.url)
    elif there is not None:
        port = urlsplit(there.gateway).port or settings.gateway_port
        yield from doctor_checks.membership(there, settings.name, port, seen.firewall, flags, runs=runs)


def _addresses(router_url: str, seen: NetworkSeen) -> list[str]:
    """The one that is set, else that of this machine and those that mDNS found."""
    if router_url:
        return [router_url]
    found = [
        url_of(address, each.port)
        for each in seen.coordinators
        for address in reach_order((ip for ip in each.addresses if "%" not in ip), own_addresses())
    ]
    return list(dict.fromkeys([f"http://127.0.0.1:{COORDINATOR_PORT}", *found]))[:MOST_TRIED]


def _joined_to(settings: Settings) -> str:
    """The coordinator's id; empty: this node has joined none, or what it has of one cannot be used."""
    directory = Path(settings.data_dir).expanduser() / "nodes" / settings.name
    try:
        known = MembershipFile(directory).read()
    except BadMembership:
        return ""
    return known.coordinator_id if known else ""


def _with_node(there: CoordinatorSeen, name: str) -> CoordinatorSeen:
    status = looks.decoded(looks.ask(f"{there.url}/fleet/status").body, _Status)
    node = next((each for each in status.nodes if each.node_id == name), None) if status else None
    if node is None:
        return there
    return msgspec.structs.replace(
        there,
        knows=True,
        status=node.status,
        state=node.state,
        reason=node.reason,
        gateway=node.gateway_url,
    )
