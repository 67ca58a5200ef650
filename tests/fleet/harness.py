"""Real programs for whole flows: `herd` and `herd-node` as processes on free ports, with fake or real engines."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.fakes.control import FakeEngine
from tests.fakes.random_model import ensure_random_model
from tests.fakes.registry import CLOSED
from tests.fakes.waiting import eventually

READY_S = 30.0
STOP_S = 10.0
REPOSITORY = Path(__file__).parent.parent.parent


class Program:
    """A child process of the test, ended with it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def open_files(self) -> int:
        """Descriptors it holds: files, sockets, pipes. Linux only."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def memory_bytes(self) -> int:
        """Resident memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def signal(self, number: signal.Signals) -> None:
        """Sends it, where the process still runs."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def exited(self, timeout_s: float) -> int:
        """Waits for its end; the exit code."""
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    async def kill(self) -> None:
        """SIGKILL: every connection breaks at once."""
        self.signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and by force if that is not enough; the exit code."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a stopped process would sleep through the other one
        try:
            return await self.exited(STOP_S)
        except TimeoutError:
            await self.kill()
        return await self.process.wait()


class Herd(Program):
    """A coordinator. `address` is its base URL."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: Path, address: str, session: aiohttp.ClientSession
    ) -> None:
        super().__init__(process, log)
        self.address = address
        self.session = session
        self.agents: dict[str, Program] = {}
        """By node id, as far as `fleet_of_fakes` or `real_fleet` started them."""

    async def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        async with self.session.get(self.address + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def nodes(self) -> dict[str, Any]:
        """/fleet/status's nodes by id."""
        return {node["node_id"]: node for node in (await self.get("/fleet/status"))["nodes"]}

    async def in_flight(self) -> int:
        """Calls placed now, by /fleet/queue."""
        return int((await self.get("/fleet/queue"))["in_flight"])

    async def held(self) -> int:
        """Calls that wait for a place, by /fleet/queue."""
        return int((await self.get("/fleet/queue"))["pending"])

    async def idle(self) -> bool:
        """Whether nothing runs or waits."""
        queue = await self.get("/fleet/queue")
        return bool(queue["in_flight"] == queue["pending"] == 0)

    async def ready(self, *node_ids: str) -> None:
        """Waits until these nodes are online and have an engine with a model."""

        async def all_there() -> bool:
            nodes = await self.nodes()
            return all(
                node_id in nodes
                and nodes[node_id]["state"] == "ready"
                and nodes[node_id]["ollama"]["models_available"]
                for node_id in node_ids
            )

        await eventually(all_there, READY_S)


TURNS = "weighted"
"""The policy under which equal nodes take turns: one that learns prefers whichever it has seen to be quicker."""


@contextlib.asynccontextmanager
async def herd(
    data_dir: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    inside: Sequence[str] = (),
    **settings: Any,
) -> AsyncIterator[Herd]:
    """`herd` on loopback, or on `host` and asked on loopback; `settings` become FLEET_* variables (hold_timeout=1 is
    FLEET_HOLD_TIMEOUT=1).

    `inside`: a command that prepares something and then becomes the command that follows it.
    """
    settings.setdefault("registry_url", CLOSED)  # no test asks the internet
    environment = _environment("FLEET_", settings)
    arguments = ["--host", host, "--port", str(port), "--data-dir", str(data_dir / "herd")]
    async with (
        program("coordinator", arguments, data_dir / "herd.log", environment, inside=inside) as (
            process,
            log,
        ),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), READY_S)).decode()
        assert " listening on " in line, f"{line!r}: {log.read_text()}"
        yield Herd(process, log, line.split()[-1].replace("0.0.0.0", "127.0.0.1"), session)


@contextlib.asynccontextmanager
async def node(
    data_dir: Path,
    router_url: str,
    node_id: str,
    *,
    ollama: str | None = None,
    slots: int = 1,
    port: int = 0,
    default_context: int = 4096,
    config_file: Path | str = os.devnull,
    **settings: Any,
) -> AsyncIterator[Program]:
    """`herd-node` with the Ollama at `ollama`, or with the embedded engine; `settings` become FLEET_NODE_*.

    `default_context`: with which that Ollama loads a model for a call that asks for none.
    """
    arguments = ["--router-url", router_url, "--node-id", node_id, "--gateway-port", str(port)]
    arguments += ["--data-dir", str(data_dir / node_id)]
    if ollama:
        arguments += ["--engine", "ollama", "--ollama-host", ollama]
    elif "engine" not in settings:
        arguments += ["--engine", "embedded"]
    settings.setdefault("heartbeat_interval", 0.5)
    settings.setdefault("measure_memory", False)
    settings.setdefault("start_ollama", False)
    settings.setdefault("local_join", data_dir / "herd" / "local-join")
    ollamas = {"OLLAMA_NUM_PARALLEL": str(slots), "OLLAMA_CONTEXT_LENGTH": str(default_context)}
    environment = _environment("FLEET_NODE_", settings) | ollamas | {"FLEET_CONFIG_FILE": str(config_file)}
    async with program("agent", arguments, data_dir / f"{node_id}.log", environment) as (process, log):
        yield Program(process, log)


@contextlib.asynccontextmanager
async def fleet_of_fakes(
    data_dir: Path,
    fakes: Sequence[FakeEngine],
    *,
    slots: int = 4,
    agents: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Herd]:
    """A coordinator and one node for each fake, named node-1, node-2, ..., all ready. `agents`: FLEET_NODE_*."""
    async with contextlib.AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(herd(data_dir, **settings))
        for number, fake in enumerate(fakes, start=1):
            started = node(
                *(data_dir, coordinator.address, f"node-{number}"),
                ollama=fake.address,
                slots=slots,
                **(agents or {}),
            )
            coordinator.agents[f"node-{number}"] = await stack.enter_async_context(started)
        await coordinator.ready(*coordinator.agents)
        yield coordinator


@contextlib.asynccontextmanager
async def real_fleet(
    data_dir: Path, nodes: int = 1, *, agents: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Herd]:
    """A coordinator and nodes with the real llama.cpp server, named node-1, node-2, ..., all ready.

    They serve the random model, which takes tools and ends no reply by itself, unless `agents` (FLEET_NODE_*) say
    otherwise; an empty `embedded_model` is the one that comes with herd.
    """
    random_model = ensure_random_model(data_dir / "models")
    options: dict[str, Any] = {"embedded_threads": 1, "embedded_model": random_model} | dict(agents or {})
    async with contextlib.AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(herd(data_dir, **settings))
        for name in [f"node-{number}" for number in range(1, nodes + 1)]:
            started = node(data_dir, coordinator.address, name, **options)
            coordinator.agents[name] = await stack.enter_async_context(started)
        await coordinator.ready(*coordinator.agents)
        yield coordinator


def _environment(prefix: str, settings: dict[str, object]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "OLLAMA_"))}
    kept["FLEET_ENV_FILE"] = str(Path(tempfile.gettempdir()) / "herd-tests-have-no-env-file")
    kept["FLEET_CONFIG_FILE"] = os.devnull
    return kept | {prefix + name.upper(): str(value) for name, value in settings.items()}


@contextlib.asynccontextmanager
async def program(
    module: str,
    arguments: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    *,
    inside: Sequence[str] = (),
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """Runs the module until the block ends; its standard output is a pipe, its errors go to `log`.

    `inside`: the command before it, which prepares something (another network, say) and then becomes it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(*inside, sys.executable, "-m", module, "--with-parent", *arguments),
            cwd=REPOSITORY,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process, log
    finally:
        await Program(process, log).stop()
