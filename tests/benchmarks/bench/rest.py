"""Start and rest of both programs: the first answer, what they hold and use when nothing happens, what imports take."""

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

from msgspec import Struct
from msgspec.structs import replace

from tests.benchmarks.bench.asking import ask
from tests.benchmarks.bench.figures import MB
from tests.benchmarks.bench.peers import free_port
from tests.benchmarks.bench.processes import REPOSITORY, Program, clean_environment, python, started, until
from tests.benchmarks.bench.registrar import registrar
from tests.benchmarks.bench.subjects import Place, agent, herd, is_ready

STARTS = 3
IMPORTS = 5
SETTLE_S = 6.0
"""After a start, until what it does once is done."""
REST_S = 20.0


class Resting(Struct, kw_only=True):
    """`start_s`: from its start until /health answers, the quickest of a few. `idle`: part of a core."""

    program: str
    start_s: float
    import_s: float
    """Of all that it runs with, beside the interpreter's own start."""
    rss_mb: float
    idle: float


def rest(place: Place, tell: Callable[[str], None]) -> list[Resting]:
    """Each program as it is by default, one coordinator with one node. Raises NotReady."""
    tell("starts")
    starts = {"herd": _start_s(place, _herd), "herd-node": _start_s(place, _node)}
    tell("imports")
    imports = {"herd": _import_s("coordinator.app"), "herd-node": _import_s("agent.app")}
    tell(f"rest, {REST_S:g} s")
    with ExitStack() as stack:
        coordinator, url = stack.enter_context(herd(place))
        node = stack.enter_context(agent(place, url, "node-1", place.cores.measured))
        until(lambda: is_ready(url, "node-1"), "the coordinator's node")
        time.sleep(SETTLE_S)
        used = coordinator.cpu_s(), node.cpu_s()
        time.sleep(REST_S)
        return [
            Resting(
                program=name,
                start_s=starts[name],
                import_s=imports[name],
                rss_mb=program.rss_bytes() / MB,
                idle=(program.cpu_s() - before) / REST_S,
            )
            for name, program, before in zip(("herd", "herd-node"), (coordinator, node), used, strict=True)
        ]


def _start_s(place: Place, start: Callable[[ExitStack, Place, int], Program]) -> float:
    return min(_one_start_s(place, start, number) for number in range(STARTS))


def _one_start_s(place: Place, start: Callable[[ExitStack, Place, int], Program], number: int) -> float:
    directory = place.directory / f"{start.__name__}-{number}"
    directory.mkdir()
    with ExitStack() as stack:
        port = free_port()
        began = time.perf_counter()
        program = start(stack, replace(place, directory=directory), port)

        def answered() -> bool:
            program.check()
            return ask(f"http://127.0.0.1:{port}", "/health")[0] != 0

        until(answered, program.name)
        return time.perf_counter() - began


def _herd(stack: ExitStack, place: Place, port: int) -> Program:
    command = python("coordinator", "--with-parent", "--host", "127.0.0.1", "--port", str(port))
    command += ["--data-dir", str(place.directory)]
    return stack.enter_context(started("herd", command, place.directory / "log", place.cores.measured))


def _node(stack: ExitStack, place: Place, port: int) -> Program:
    taken = stack.enter_context(registrar())
    command = python("agent", "--with-parent", "--router-url", taken.url, "--node-id", "rest")
    command += ["--gateway-port", str(port), "--data-dir", str(place.directory)]
    command += ["--engine", "ollama", "--ollama-host", place.engine_url]
    environment = {"FLEET_NODE_START_OLLAMA": "false", "FLEET_NODE_OPEN": "true"}
    log = place.directory / "log"
    return stack.enter_context(
        started("herd-node", command, log, place.cores.measured, environment=environment)
    )


def _import_s(module: str) -> float:
    return max(
        0.0, min(_run_s(f"import {module}") for _ in range(IMPORTS)) - min(_run_s("") for _ in range(IMPORTS))
    )


def _run_s(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([*python("x")[:1], "-c", program], check=True, cwd=REPOSITORY, env=clean_environment())
    return time.perf_counter() - began
