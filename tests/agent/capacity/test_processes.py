"""Real processes of this machine."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.capacity.owner import processor_pct, spent_ms
from agent.capacity.processes import Processes
from tests.fakes.waiting import eventually

WAITS = "import sys\nprint('up', flush=True)\nsys.stdin.read()"
BURNS = "import sys\nprint('up', flush=True)\nwhile True: pass"
LISTENS_AND_BURNS = """
import socket, subprocess, sys
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
sys.stdin.readline()
burns = "import time\\nwhile time.process_time() < 0.2: pass"
child = subprocess.Popen([sys.executable, "-c", burns])
child.wait()
print("done", flush=True)
sys.stdin.readline()
"""
COST_S = 0.05
"""Of processor time, for a look once the names are known."""


@pytest.fixture(name="burner")
def _burner() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", BURNS], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        yield child
        child.kill()


async def test_what_the_agent_started_is_its_own(burner: subprocess.Popen[str]) -> None:
    """The child takes what it can get of a processor; none of it is the owner's."""
    processes = Processes(None)
    before = processes.look()
    begun = psutil.Process(burner.pid).cpu_times().user
    await eventually(lambda: psutil.Process(burner.pid).cpu_times().user > begun + 0.1, 30)
    after = processes.look()
    assert {number for number, _ in after.own} >= {os.getpid(), burner.pid}
    spent = spent_ms(before.own, after.own, before.at)
    assert spent is not None
    assert spent >= 100
    assert before.engine == after.engine == {}
    assert 0 < after.busy_ms - before.busy_ms <= after.total_ms - before.total_ms
    assert processor_pct(before, after, carried=False) is not None


async def test_an_engine_that_was_adopted_is_the_agents_own() -> None:
    """It is not below the agent: here the process above it."""
    assert os.getppid() not in {number for number, _ in Processes(None).look().own}
    assert os.getppid() in {number for number, _ in Processes(None, lambda: [os.getppid()]).look().own}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only root may know who listens")
def test_an_engine_is_found_by_its_port_and_its_ended_children_count() -> None:
    """Not below the agent, or it would be the agent's own: so it is looked at from a process beside it."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTENS_AND_BURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdin is not None
        assert engine.stdout is not None
        port = int(engine.stdout.readline())
        look = (
            "import sys\nfrom agent.capacity.processes import Processes\n"
            f"processes = Processes({port})\nbefore = processes.look()\nprint('seen', flush=True)\n"
            "sys.stdin.readline()\nafter = processes.look()\n"
            "print([number for number, _ in after.engine],"
            " sum(after.engine.values()) - sum(before.engine.values()))"
        )
        with subprocess.Popen(
            [sys.executable, "-c", look], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as beside:
            assert beside.stdin is not None
            assert beside.stdout is not None
            assert beside.stdout.readline() == "seen\n"
            engine.stdin.write("go\n")
            engine.stdin.flush()
            assert engine.stdout.readline() == "done\n"
            told, _ = beside.communicate("look\n", timeout=20)
        numbers, _, spent = told.rpartition(" ")
        assert numbers == f"[{engine.pid}]"
        assert 150 <= int(spent) <= 2_000
        engine.stdin.write("end\n")
        engine.stdin.flush()


@pytest.mark.parametrize(("script", "counts"), [("herd", True), ("herd-node", True), ("herdsman", False)])
def test_a_coordinator_or_agent_beside_is_the_fleets(script: str, counts: bool, tmp_path: Path) -> None:
    """Also where the system calls it after the Python that runs it."""
    (tmp_path / script).write_text(WAITS)
    look = "from agent.capacity.processes import Processes\nprint([each for each, _ in Processes(None).look().own])"
    with subprocess.Popen(
        [sys.executable, str(tmp_path / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as beside:
        assert beside.stdout is not None
        assert beside.stdout.readline() == "up\n"
        told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
        beside.communicate()
    assert (beside.pid in json.loads(told.stdout)) == counts


def test_an_engine_that_is_nowhere_cannot_be_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if any(process.name().startswith("ollama") for process in psutil.process_iter()):
        pytest.skip("an Ollama runs on this machine")
    assert Processes(port).look().engine is None


def test_a_look_costs_little() -> None:
    processes = Processes(None)
    processes.look()
    began = time.process_time()
    for _ in range(5):
        processes.look()
    each = (time.process_time() - began) / 5
    print(f"a look at {len(psutil.pids())} processes: {each * 1000:.2f} ms of CPU")  # noqa: T201 - the figure is the point
    assert each < COST_S
