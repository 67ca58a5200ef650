"""`herd demo` and the two commands, as a person types them. The real llama.cpp."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from shared import __version__
from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY

DEMO_S = 60.0
ALONE = {"FLEET_NODE_OLLAMA_HOST": "http://127.0.0.1:1", "FLEET_MDNS": "false", "FLEET_NODE_MDNS": "false"}
"""A port where nobody listens: a machine of a developer may well run an Ollama. And no word to the real network."""


@contextlib.asynccontextmanager
async def started(module: str, *arguments: str, home: Path) -> AsyncIterator[Process]:
    """A program with a home of its own; killed at the end where it still runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "OLLAMA_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=REPOSITORY,
        env=kept | ALONE | {"HOME": str(home), "COLUMNS": "300"},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        assert process.stdout is not None
        await process.stdout.read()  # to the end, so that asyncio closes its side of the pipe
        await process.wait()


async def ran(module: str, *arguments: str, home: Path) -> tuple[int, str]:
    """Exit code and everything it said, with spaces and line ends as single spaces."""
    async with started(module, *arguments, home=home) as process:
        said, _ = await asyncio.wait_for(process.communicate(), DEMO_S)
        assert process.returncode is not None
        return process.returncode, " ".join(said.decode().split())


def family(process: Process) -> list[psutil.Process]:
    """All descendants that run now."""
    return psutil.Process(process.pid).children(recursive=True)


def living(processes: list[psutil.Process]) -> list[str]:
    """Those that still run, by their command lines; a dead one that nobody has waited for does not."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def of_home(home: Path) -> list[psutil.Process]:
    """Every process of this machine that names the test's home in its command line."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(str(home) in part for part in process.cmdline()):
                found.append(process)
    return found


async def said_until(process: Process, phrase: str) -> str:
    """What it says up to and including that line."""
    assert process.stdout is not None
    lines = []
    async with asyncio.timeout(DEMO_S):
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if phrase in line:
                return "".join(lines)
    raise AssertionError(f"{phrase!r} was never said: {''.join(lines)}")


@pytest.mark.real_engine
async def test_demo_once_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """The real llama.cpp. Exit 0 only for an answer that came all the way; the words a person needs are there."""
    code, said = await ran("coordinator", "demo", "--port", "0", "--once", home=tmp_path)
    assert code == 0, said
    address = re.search(r"the fleet's address: (http://127\.0\.0\.1:\d+)", said)
    assert address, said
    assert f"curl {address[1]}/v1/chat/completions -d '{{" in said
    assert "node-1" in said
    assert "node-2" in said
    assert "llama.cpp" in said
    assert "this model of one megabyte comes with herd" in said
    assert "ollama pull llama3.2" in said
    answer = re.search(r"Hello! Who are you\? (.+) answered by engine", said)
    assert answer, said
    assert "herd-guide" in answer[1]
    assert answer[1].endswith("."), "it was cut"
    assert re.search(r"answered by engine embedded on node-[12]", said), said
    assert (tmp_path / ".fleet-manager").is_dir()
    assert living(of_home(tmp_path)) == []


@pytest.mark.real_engine
async def test_demo_stays_until_ctrl_c_and_then_leaves_nothing_running(tmp_path: Path) -> None:
    """The real llama.cpp. One coordinator, two agents, two engines."""
    async with started("coordinator", "demo", "--port", "0", home=tmp_path) as process:
        said = await said_until(process, "ctrl-C stops everything")
        assert re.search(r"look at it, in another terminal: herd top --url http://127\.0\.0\.1:\d+\n", said)
        children = family(process)
        assert len(living(children)) >= 5, living(children)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert living(children) == []
    assert living(of_home(tmp_path)) == []


@pytest.mark.real_engine
async def test_a_killed_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """The real llama.cpp. The demo itself can do nothing any more."""
    async with started("coordinator", "demo", "--port", "0", home=tmp_path) as process:
        await said_until(process, "ctrl-C stops everything")
        children = family(process)
        assert len(living(children)) >= 5, living(children)
        process.kill()
        await eventually(lambda: not living(children), 8)
    assert living(of_home(tmp_path)) == []


@pytest.mark.real_engine
async def test_ctrl_c_while_the_demo_starts_leaves_nothing_running(tmp_path: Path) -> None:
    """The real llama.cpp, which may not even be up."""
    async with started("coordinator", "demo", "--port", "0", home=tmp_path) as process:
        await said_until(process, "starting a coordinator")
        await eventually(lambda: len(family(process)) >= 2, 20)
        children = family(process)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 130
        await eventually(lambda: not living(children))
    assert living(of_home(tmp_path)) == []


async def test_demo_on_a_port_that_is_taken_says_so(tmp_path: Path) -> None:
    """No engine is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await ran("coordinator", "demo", "--port", str(port), "--once", home=tmp_path)
    assert code == 1
    assert "herd demo failed" in said
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert "Traceback" not in said
    assert living(of_home(tmp_path)) == []


async def test_herd_on_a_port_that_is_taken_says_so(tmp_path: Path) -> None:
    """No engine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await ran("coordinator", "--host", "127.0.0.1", "--port", str(port), home=tmp_path)
    assert code == 1
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert "Traceback" not in said


async def test_both_commands_tell_their_version(tmp_path: Path) -> None:
    """No engine."""
    assert await ran("coordinator", "--version", home=tmp_path) == (0, f"herd, version {__version__}")
    assert await ran("agent", "--version", home=tmp_path) == (0, f"herd-node, version {__version__}")


async def test_an_agent_without_a_coordinators_address_says_what_to_do(tmp_path: Path) -> None:
    """No engine."""
    code, said = await ran("agent", home=tmp_path)
    assert code == 1
    assert "which coordinator? without mDNS give --router-url http://HOST:11435" in said
    assert "Traceback" not in said
