"""What `herd-node doctor` makes of engines, GPUs and the coordinator that is found. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from agent.addresses import OLLAMA_PORT
from shared.doctor import engine_checks
from shared.doctor.commands import started
from shared.doctor.network_checks import opening
from shared.doctor.source import Installed, install_command, update_command
from shared.finding import Finding
from shared.known_holes import numbers
from shared.sockets import is_loopback
from shared.wire import Gpu

TRUNCATES_SINCE = (0, 12, 6)
"""The first Ollama that heeds `truncate: false`."""


class OllamaSeen(Struct, frozen=True, kw_only=True):
    """The Ollama of this machine."""

    url: str
    version: str = ""
    problem: str = ""
    """Why it does not answer; empty: it does."""
    open_at: tuple[str, ...] = ()
    """Addresses of this machine, other than loopback, at which it answers too."""
    unit: bool = False
    """Whether systemd has a unit for it."""


class GpusSeen(Struct, frozen=True, kw_only=True):
    """NVIDIA's cards by the bus, and all that drivers tell of."""

    nvidia_on_bus: int = 0
    driver: str = ""
    told: tuple[Gpu, ...] = ()
    reason: str = ""
    """Why NVIDIA's are missing, or not all there."""


class CoordinatorSeen(Struct, frozen=True, kw_only=True):
    """The one that answers, and what it says of this node."""

    url: str
    version: str = ""
    knows: bool = False
    status: str = ""
    state: str = ""
    reason: str = ""
    gateway: str = ""


def engines(
    ollama: OllamaSeen,
    wanted: tuple[str, ...],
    *,
    embedded: bool,
    startable: bool = False,
    herd: Installed = Installed(),  # noqa: B008 - it is frozen
) -> Iterator[Finding]:
    """no_engine, engine_down, engine_found, engine_old, engine_hole, engine_open.

    `wanted`: the kinds of engines that are named; of others than these two `herd-node engines` tells. `embedded`:
    whether llama.cpp is installed; `startable`: whether the agent starts an Ollama that is named; `herd`: how it is
    installed.
    """
    if not ollama.problem and (not wanted or "ollama" in wanted):
        yield from _ollama(ollama)
    elif "ollama" in wanted and not startable:
        yield Finding(
            check_id="engine_down",
            severity="critical",
            title=f"No Ollama answers at {ollama.url}",
            description=f"{ollama.problem}. The agent is told to use it (--engine ollama, or engines.toml).",
            fix="Start it where it should be, or say where it is with --ollama-host.",
            command=_serve(ollama.url) if is_loopback(ollama.url) else "",
        )
    if "embedded" in wanted or (ollama.problem and not wanted):
        yield _embedded(ollama, herd, embedded=embedded, asked="embedded" in wanted)


def _serve(url: str) -> str:
    """Starts an Ollama on this machine's loopback, on the port of the address."""
    port = urlsplit(url).port or OLLAMA_PORT
    return "ollama serve" if port == OLLAMA_PORT else f"OLLAMA_HOST=127.0.0.1:{port} ollama serve"


def _embedded(ollama: OllamaSeen, herd: Installed, *, embedded: bool, asked: bool) -> Finding:
    if embedded:
        beside = "" if asked else f"; no Ollama answers at {ollama.url} ({ollama.problem})"
        return Finding(
            check_id="engine_found",
            severity="info",
            title=f"The embedded llama.cpp is installed{beside}",
            description="",
            fix="",
        )
    return Finding(
        check_id="no_engine",
        severity="critical",
        title="This machine has no inference engine",
        description=("" if asked else f"No Ollama answers at {ollama.url}: {ollama.problem}. ")
        + "The embedded llama.cpp is not installed. No call can be served here.",
        fix="Start an Ollama, or install the embedded engine"
        + (":" if herd.clone else ", in a clone of herd by:"),
        command=install_command(herd, "embedded"),
    )


def _ollama(seen: OllamaSeen) -> Iterator[Finding]:
    yield Finding(
        check_id="engine_found",
        severity="info",
        title=f"Ollama {seen.version} answers at {seen.url}",
        description="",
        fix="",
        data={"version": seen.version},
    )
    if (known := numbers(seen.version)) and known < TRUNCATES_SINCE:
        since = ".".join(map(str, TRUNCATES_SINCE))
        yield Finding(
            check_id="engine_old",
            severity="warning",
            title=f"Ollama {seen.version} is old",
            description=f"Before {since} it cuts prompts that are too long, and says nothing.",
            fix=f"Bring it up to {since} or later, the way it was installed; on Linux usually by:",
            command=engine_checks.UPDATE,
            data={"version": seen.version},
        )
    yield from engine_checks.holes(seen.version, facing=bool(seen.open_at))
    if seen.open_at:
        loopback = f"127.0.0.1:{urlsplit(seen.url).port or OLLAMA_PORT}"
        yield engine_checks.open_ollama(seen.open_at, loopback, unit=seen.unit)


def gpus(seen: GpusSeen, system: str) -> Iterator[Finding]:
    """gpu_unread, gpu_found. `system`: sys.platform."""
    nvidia = [each for each in seen.told if each.uuid.startswith("GPU-")]
    if seen.reason and (seen.nvidia_on_bus or nvidia):
        mismatch = "mismatch" in seen.reason.lower()
        yield Finding(
            check_id="gpu_unread",
            severity="warning" if nvidia else "critical",
            title=f"NVIDIA's driver does not tell of {'all its' if nvidia else 'the'} GPUs",
            description=f"{seen.reason}. {seen.nvidia_on_bus or 'An unknown number'} on the bus, "
            f"{len(nvidia)} told of. Engines will use the processor instead.",
            fix="The driver was brought up to date while it ran: restart the machine."
            if mismatch
            else "See whether the driver is installed for this kernel, and what it says.",
            command="sudo reboot"
            if mismatch
            else "sudo modprobe nvidia"
            if system == "linux"
            else "nvidia-smi",
            data={"on_bus": seen.nvidia_on_bus, "told": len(nvidia), "reason": seen.reason},
        )
    if seen.told:
        names = ", ".join(each.name or "a GPU" for each in seen.told)
        driver = f" (NVIDIA driver {seen.driver})" if seen.driver else ""
        yield Finding(
            check_id="gpu_found",
            severity="info",
            title=f"GPUs: {names}{driver}",
            description="",
            fix="",
            data={"count": len(seen.told), "driver": seen.driver},
        )


def coordinator(
    found: CoordinatorSeen | None,
    tried: Iterable[tuple[str, str]],
    own_version: str,
    given: Mapping[str, Any] | None = None,
    herd: Installed = Installed(),  # noqa: B008 - it is frozen
) -> Iterator[Finding]:
    """no_coordinator, coordinator_found, version_mismatch. `tried`: addresses, and why nobody answered there;
    `given`: the flags of doctor; `herd`: how it is installed.
    """
    if found is None:
        told = "; ".join(f"{url}: {why}" for url, why in tried) or "no address was given and mDNS found none"
        yield Finding(
            check_id="no_coordinator",
            severity="critical",
            title="No coordinator answers",
            description=f"{told}.",
            fix="Start it on one machine (herd), and where it is not found by itself, say where it is.",
            command=started("herd-node", given, router_url="http://HOST:11435"),
        )
        return
    yield Finding(
        check_id="coordinator_found",
        severity="info",
        title=f"A coordinator answers at {found.url}, version {found.version}",
        description="",
        fix="",
        data={"url": found.url, "version": found.version},
    )
    if found.version != own_version:
        old = numbers(own_version) <= numbers(found.version)
        yield Finding(
            check_id="version_mismatch",
            severity="warning",
            title=f"The coordinator is version {found.version}, this agent {own_version}",
            description="What one of them knows the other may not.",
            fix="Install the same version on both, from a clone of herd; here by:"
            if old
            else "Install this agent's version on the coordinator's machine too, from a clone of herd.",
            command=update_command(herd, *herd.extras) if old else "",
            data={"agent_version": own_version, "router_version": found.version},
        )


def membership(
    found: CoordinatorSeen,
    name: str,
    port: int,
    firewall: str,
    given: Mapping[str, Any] | None = None,
    *,
    runs: bool,
) -> Iterator[Finding]:
    """agent_absent, node_unknown, node_unreachable, node_unwell, node_member. `given`: the flags of doctor;
    `runs`: this machine's agent does.
    """
    if not runs:
        yield Finding(
            check_id="agent_absent",
            severity="warning",
            title=f"No agent runs as {name}",
            description="This machine serves no calls of the fleet.",
            fix="Start it, or have it started with the machine: herd-node service install",
            command=started("herd-node", given),
        )
    elif not found.knows:
        yield Finding(
            check_id="node_unknown",
            severity="warning",
            title=f"The coordinator at {found.url} does not know {name}",
            description="Its agent runs here, but its heartbeats do not arrive there: it is with another coordinator, "
            "or has just been started.",
            fix="End it, and tell it which one is its own.",
            command=started("herd-node", given, router_url=found.url),
        )
    elif found.state == "unreachable":
        yield Finding(
            check_id="node_unreachable",
            severity="critical",
            title=f"The coordinator cannot reach this machine at {found.gateway}",
            description=f"{found.reason}. Heartbeats go out, but no call comes in, as where a firewall is in the way.",
            fix=f"Let TCP port {port} in, or name an address under which it is reached with --advertise.",
            command=opening(firewall, port, "tcp") or started("herd-node", given, advertise="HOST"),
        )
    elif found.state not in ("ready", "probing"):
        yield Finding(
            check_id="node_unwell",
            severity="info" if found.status == "online" else "warning",
            title=f"{name} is {found.state}",
            description=f"{found.reason}." if found.reason else "",
            fix="herd-node undrain, herd-node resume, or herd uncordon end what a person began.",
        )
    else:
        yield Finding(
            check_id="node_member",
            severity="info",
            title=f"{name} is {found.state}",
            description="",
            fix="",
        )
