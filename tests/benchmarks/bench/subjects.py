"""What stands between load and engine: nothing, nginx, a bare proxy, a gateway, a coordinator."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from shared.wire import Heartbeat, engine_path
from tests.benchmarks.bench.asking import told
from tests.benchmarks.bench.messages import Dialect
from tests.benchmarks.bench.processes import Cores, Program, python, started, until
from tests.benchmarks.bench.registrar import registrar

SLOTS = "4096"
"""More calls at once than any scenario has: what is measured is not the queue."""
NGINX = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    upstream engine {{
        server {engine};
        keepalive 4096;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://engine;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class Place(Struct, frozen=True, kw_only=True):
    """Where subjects run. `dialect`: of the calls."""

    engine_url: str
    engine: Program
    directory: Path
    cores: Cores
    dialect: Dialect = "ollama"


class Subject(Struct, frozen=True, kw_only=True):
    """Ready to be called. `own`: which of `programs` is measured; empty: none is between."""

    name: str
    url: str
    programs: tuple[Program, ...]
    own: str = ""
    prefix: str = ""
    """Before the path of a call."""
    headers: tuple[str, ...] = ()
    dialect: Dialect = "ollama"


class Missing(Exception):
    """It cannot be had on this machine; the text says why."""


@contextmanager
def direct(place: Place) -> Iterator[Subject]:
    """Nothing between."""
    yield Subject(name="direct", url=place.engine_url, programs=(place.engine,), dialect=place.dialect)


@contextmanager
def nginx(place: Place) -> Iterator[Subject]:
    """With connections kept on both sides, and nothing held back. Raises Missing."""
    path = shutil.which("nginx")
    if path is None:
        raise Missing("nginx is not on PATH")
    directory = place.directory / "nginx"
    directory.mkdir()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
        settings = NGINX.format(
            directory=directory, engine=urlsplit(place.engine_url).netloc, address=address
        )
        (directory / "nginx.conf").write_text(settings)
        command = [path, "-p", str(directory), "-c", str(directory / "nginx.conf")]
        # It takes the open door over, as from an earlier nginx: so no port has to be guessed.
        environment = {"NGINX": f"{door.fileno()};"}
        chosen = place.cores.measured
        log = directory / "log"
        files = [door.fileno()]
        with started(
            "nginx", command, log, chosen, environment=environment, passed_files=files, talks=False
        ) as program:
            url = f"http://{address}"
            until(lambda: answers(program, url, "/health"), "nginx")
            yield Subject(
                name="nginx", url=url, programs=(program, place.engine), own="nginx", dialect=place.dialect
            )


@contextmanager
def bare(place: Place) -> Iterator[Subject]:
    """The proxy of bare_proxy.py."""
    command = python("tests.benchmarks.bench.bare_proxy", place.engine_url)
    with started("bare", command, place.directory / "bare.log", place.cores.measured) as program:
        yield Subject(
            name="bare",
            url=program.line().split()[-1],
            programs=(program, place.engine),
            own="bare",
            dialect=place.dialect,
        )


@contextmanager
def gateway(place: Place) -> Iterator[Subject]:
    """The agent's gateway alone, called as a coordinator calls it."""
    with (
        registrar() as taken,
        agent(place, taken.url, "alone", place.cores.measured, name="gateway", plain=True) as program,
    ):
        until(lambda: _up(program, taken.beats.get("alone")), "a beat of the agent alone")
        beat = taken.beats["alone"]
        yield Subject(
            name="gateway",
            url=f"http://127.0.0.1:{beat.gateway_port}",
            programs=(program, place.engine),
            own="gateway",
            prefix=engine_path("ollama", ""),
            headers=(f"Authorization: Bearer {beat.gateway_secret}",),
            dialect=place.dialect,
        )


@contextmanager
def coordinator(place: Place) -> Iterator[Subject]:
    """With everything on, TLS on the hop too, before one node whose gateway is on the load's side."""
    with herd(place) as (program, url), agent(place, url, "node-1", place.cores.load) as node:
        yield _with_node("coordinator", place, url, program, node)


@contextmanager
def coordinator_plain(place: Place) -> Iterator[Subject]:
    """The same in open mode on both sides: the hop without TLS."""
    place = replace(place, directory=place.directory / "plain")
    place.directory.mkdir()
    with (
        herd(place, FLEET_OPEN="true") as (program, url),
        agent(place, url, "node-1", place.cores.load, plain=True) as node,
    ):
        yield _with_node("coordinator-plain", place, url, program, node)


def _with_node(name: str, place: Place, url: str, program: Program, node: Program) -> Subject:
    until(lambda: is_ready(url, "node-1"), "the coordinator's node")
    programs = (program, node, place.engine)
    return Subject(name=name, url=url, programs=programs, own="coordinator", dialect=place.dialect)


@contextmanager
def herd(place: Place, **settings: str) -> Iterator[tuple[Program, str]]:
    """A coordinator with its defaults, and its address. Nobody is asked beyond this machine. `settings`: FLEET_*."""
    directory = place.directory / "herd"
    command = python("coordinator", "--with-parent", "--host", "127.0.0.1", "--port", "0")
    command += ["--data-dir", str(directory)]
    alone = {"FLEET_REGISTRY_URL": "http://127.0.0.1:9"}
    with started(
        "coordinator",
        command,
        place.directory / "herd.log",
        place.cores.measured,
        environment=alone | settings,
    ) as program:
        yield program, program.line().split()[-1]


def agent(
    place: Place,
    router_url: str,
    node_id: str,
    chosen: tuple[int, ...],
    *,
    name: str = "node",
    plain: bool = False,
) -> AbstractContextManager[Program]:
    """An agent that has found the fake engine. It joins the coordinator of `herd` as on one machine.

    `plain`: without TLS, with a coordinator that is open.
    """
    command = python("agent", "--with-parent", "--router-url", router_url, "--node-id", node_id)
    command += ["--gateway-port", "0", "--data-dir", str(place.directory / node_id)]
    command += ["--engine", "ollama", "--ollama-host", place.engine_url]
    environment = {
        "FLEET_NODE_START_OLLAMA": "false",
        "FLEET_NODE_OPEN": str(plain).lower(),
        "FLEET_NODE_LOCAL_JOIN": str(place.directory / "herd" / "local-join"),
        "OLLAMA_NUM_PARALLEL": SLOTS,
        "OLLAMA_CONTEXT_LENGTH": "4096",
    }
    return started(name, command, place.directory / f"{node_id}.log", chosen, environment=environment)


def _up(program: Program, beat: Heartbeat | None) -> bool:
    program.check()
    return beat is not None and any(each.up and each.models for each in beat.engines)


def is_ready(url: str, node_id: str) -> bool:
    """Whether calls can go to that node."""
    status = told(url, "/fleet/status")
    return status is not None and any(
        node["node_id"] == node_id and node["state"] == "ready" and node["ollama"]["models_available"]
        for node in status["nodes"]
    )


def answers(program: Program, url: str, path: str) -> bool:
    """Raises NotReady where it has ended."""
    program.check()
    return told(url, path) is not None


SUBJECTS: dict[str, Callable[[Place], AbstractContextManager[Subject]]] = {
    "direct": direct,
    "nginx": nginx,
    "bare": bare,
    "gateway": gateway,
    "coordinator": coordinator,
    "coordinator-plain": coordinator_plain,
}


def enter(
    stack: ExitStack, place: Place, makers: dict[str, Callable[[Place], AbstractContextManager[Subject]]]
) -> tuple[list[Subject], dict[str, str]]:
    """Those that can be had, started until the stack closes; and why others cannot, by name."""
    ready: list[Subject] = []
    missing: dict[str, str] = {}
    for name, make in makers.items():
        try:
            ready.append(stack.enter_context(make(place)))
        except Missing as error:
            missing[name] = str(error)
    return ready, missing


@contextmanager
def fake_engine(directory: Path, cores: Cores) -> Iterator[tuple[Program, str]]:
    """The engine, on the load's side, and its address."""
    command = python("tests.benchmarks.bench.engine")
    with started("engine", command, directory / "engine.log", cores.load) as program:
        yield program, program.line().split()[-1]
