"""The agent's settings: FLEET_NODE_* in the environment or the env file, or a flag of `herd-node`."""

import re
import socket
from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.adverts import COORDINATORS, SERVICE_TYPE
from shared.constraints import EXPECTED
from shared.fields import Host
from shared.settings import DEFAULT_DATA_DIR

PREFIX = "FLEET_NODE_"

Seconds = Annotated[float, Meta(ge=0)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class StartError(Exception):
    """The agent cannot start; the text says why and what to do."""


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting with its default; README lists them all (a test sees to it)."""

    node_id: Annotated[str, _about("this node's name; empty: the host's name up to its first dot")] = ""
    router_url: Annotated[str, _about("the coordinator's address; empty: found over mDNS")] = ""
    open: Annotated[
        bool,
        _about(
            "whether it is with whichever open coordinator it finds, without TLS: for a network of friends"
        ),
    ] = False
    token: Annotated[
        str,
        _about("what it shows to join, as `herd token create` prints it; empty: a person approves it there"),
    ] = ""
    local_join: Annotated[
        str,
        _about(
            "file by which it joins a coordinator of this machine; empty: `local-join` in the data directory, else"
            " in ~/.fleet-manager"
        ),
    ] = ""
    mdns: Annotated[bool, _about("whether mDNS is used")] = True
    mdns_service_type: Annotated[
        str,
        Meta(pattern=SERVICE_TYPE, extra={EXPECTED: f"a type such as {COORDINATORS}"}),
        _about("the type under which coordinators are looked for"),
    ] = COORDINATORS
    ollama_host: Annotated[str, _about("the Ollama to use")] = "http://localhost:11434"
    engine: Annotated[
        tuple[str, ...],
        _about(
            "engines to use, as NAME[:key=value...]: ollama, embedded, a section of engines.toml, or a kind; "
            "empty: those of engines.toml, else an Ollama if there is one, else embedded"
        ),
    ] = ()
    start_ollama: Annotated[
        bool,
        _about("whether an Ollama named with --engine is started where none answers and it is installed"),
    ] = True
    gateway_port: Annotated[int, Meta(ge=0, le=65_535), _about("port of the gateway; 0: any free one")] = (
        11436
    )
    gateway_host: Annotated[
        str, _about("address the gateway listens on; empty: loopback for a coordinator on loopback, else all")
    ] = ""
    advertise: Annotated[
        Host,
        Meta(extra={EXPECTED: "a host name or address, without http:// and port"}),
        _about("host under which the coordinator reaches the gateway; empty: where beats come from"),
    ] = ""
    heartbeat_interval: Annotated[float, Meta(gt=0), _about("seconds between heartbeats")] = 5.0
    measure_memory: Annotated[
        bool, _about("whether the speed of memory is measured, once, where no table knows the chip")
    ] = True
    enable_capacity_learning: Annotated[
        bool,
        _about("whether the owner's use of this machine is learned, and the fleet's share bounded by it"),
    ] = False
    data_dir: Annotated[str, _about("where logs and state are kept")] = DEFAULT_DATA_DIR
    log_level: Annotated[Level, _about("level of the log file")] = "DEBUG"
    console_log_level: Annotated[Level, _about("level of the terminal")] = "INFO"
    drain_timeout: Annotated[
        Seconds, _about("seconds that running calls may still take after a stop was asked for")
    ] = 600.0
    connect_timeout: Annotated[Seconds, _about("seconds to reach an engine on this machine")] = 4.0
    look_timeout: Annotated[Seconds, _about("seconds an engine may take to tell about itself")] = 4.0
    exposure_interval: Annotated[
        Seconds,
        _about(
            "seconds between looks at whether engines that should be on loopback face the network; 0: never"
        ),
    ] = 60.0
    start_timeout: Annotated[
        Seconds,
        _about("seconds the embedded engine may take to start, besides one for each 50 MB of its model"),
    ] = 60.0
    swap_beside: Annotated[
        bool,
        _about("whether a swap may hold the old and the new engine in memory at once, where both fit"),
    ] = True
    body_limit: Annotated[int, Meta(ge=1), _about("bytes of a request body that the gateway passes on")] = (
        64 * 2**20
    )
    model_memory_cap: Annotated[
        float,
        Meta(gt=0, le=1),
        _about("share of each GPU's memory, and of the host's free memory, that models may take together"),
    ] = 0.8
    embedded_model: Annotated[
        str, _about("GGUF file that the embedded engine serves; empty: the one that comes with herd")
    ] = ""
    embedded_slots: Annotated[int, Meta(ge=1, le=64), _about("calls at once of the embedded engine")] = 2
    embedded_context: Annotated[int, Meta(ge=64), _about("tokens of context for each of them")] = 4096
    embedded_threads: Annotated[int, Meta(ge=1), _about("processor threads of the embedded engine")] = 2
    embedded_outlive: Annotated[
        Seconds,
        _about("seconds the embedded engine goes on after its agent was killed, for the next to adopt it"),
    ] = 30.0

    @property
    def name(self) -> str:
        """The node's name, made fit for headers and file names."""
        name = self.node_id or socket.gethostname().partition(".")[0]
        return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-")[:128] or "node"
