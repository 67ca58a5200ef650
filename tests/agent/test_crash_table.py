"""The crash table on the real llama.cpp: each way to die, what it is called, and how soon it serves again."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, Rung, reached
from agent.supervision.progress import Progress
from agent.supervisor import Supervisor
from tests.agent.supervised import supervising, until_ready, worker_command
from tests.fakes.random_model import ensure_random_model
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.real_engine

GOAL_S = 3.0
"""To serving again."""
BUSY_MACHINE = 3
"""Other tests may run beside these."""
ENDLESS = ("--context-length", "32768")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_random_model(tmp_path_factory.mktemp("models"))


async def serves_again(supervisor: Supervisor, dead: int, since: float, row: str) -> None:
    """Another process answers; prints how long that took."""
    await until_ready(supervisor, dead)
    assert supervisor.ready is not None
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{supervisor.ready.address}/v1/completions", json={"prompt": "a", "max_tokens": 1}
        ) as answer,
    ):
        assert answer.status == 200
    took = time.monotonic() - since
    sys.stdout.write(f"\n{row}: serving again after {took:.2f} s\n")
    assert took < GOAL_S * BUSY_MACHINE


async def stream_begun(session: aiohttp.ClientSession, address: str) -> aiohttp.ClientResponse:
    """A long answer of which the first bytes are there."""
    asked = {"prompt": "once", "max_tokens": 30_000, "stream": True}
    answer = await session.post(f"{address}/v1/completions", json=asked)
    assert await answer.content.readany()
    return answer


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, Kind.KILLED), (signal.SIGABRT, Kind.CRASHED)])
async def test_a_signal_in_flight(tmp_path: Path, model: Path, number: signal.Signals, kind: Kind) -> None:
    launch = Launch(command=worker_command(model, *ENDLESS))
    async with (
        supervising(tmp_path, lambda _: launch) as supervisor,
        aiohttp.ClientSession() as session,
    ):
        pid = await until_ready(supervisor)
        assert supervisor.ready is not None
        answer = await stream_begun(session, supervisor.ready.address)
        began = time.monotonic()
        os.kill(pid, number)
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
        await serves_again(supervisor, pid, began, f"{number.name} in flight")
        (event,) = supervisor.events.all()
    assert (event.kind, event.code, event.rung) == (kind, -number, Rung.AS_IT_WAS)


async def test_a_stopped_process_is_wedged(tmp_path: Path, model: Path) -> None:
    progress = Progress()
    async with supervising(
        tmp_path, lambda _: Launch(command=worker_command(model)), progress=progress
    ) as supervisor:
        pid = await until_ready(supervisor)
        progress.began(time.monotonic())  # with a call that never moves
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        await serves_again(supervisor, pid, began, "SIGSTOP wedge")
        assert [event.kind for event in supervisor.events.all()] == [Kind.WEDGED]


async def test_a_truncated_model_is_refused_and_not_tried_again_at_once(tmp_path: Path, model: Path) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(model.read_bytes()[:-100_000])  # noqa: ASYNC240 - half a megabyte
    async with supervising(tmp_path, lambda _: Launch(command=worker_command(short))) as supervisor:
        await eventually(lambda: supervisor.quarantined, 20)
        (event,) = supervisor.events.all()
        assert event.kind is Kind.MODEL
        assert event.lines
        assert "next try in 600 s" in supervisor.reason


async def test_a_port_that_is_taken_is_said_and_tried_again(tmp_path: Path, model: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        launch = Launch(command=worker_command(model, "--port", str(port)))
        async with supervising(tmp_path, lambda _: launch) as supervisor:
            await eventually(supervisor.events.all, 20)
            assert supervisor.events.all()[0].kind is Kind.PORT
            began = time.monotonic()
            other.close()
            await serves_again(supervisor, 0, began, "port taken, then free")


async def test_too_little_memory_at_the_load_steps_down_and_serves(tmp_path: Path, model: Path) -> None:
    def launch(rung: Rung) -> Launch:
        context = "512" if reached(rung, Rung.SMALLER_CONTEXT) else "2000000"
        return Launch(
            command=worker_command(model, "--slots", "1", "--context-length", context),
            memory_cap_bytes=800 * 10**6,
        )

    began = time.monotonic()
    async with supervising(tmp_path, launch, rungs=(Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT)) as supervisor:
        await serves_again(supervisor, 0, began, "memory limit at load")
        assert supervisor.rung is Rung.SMALLER_CONTEXT
        assert [event.kind for event in supervisor.events.all()] == [Kind.MEMORY]
    async with supervising(tmp_path, launch, rungs=(Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT)) as supervisor:
        await until_ready(supervisor)
        assert supervisor.rung is Rung.SMALLER_CONTEXT  # remembered: the bigger one is not tried first
        assert supervisor.events.all() == ()


async def test_a_stop_while_it_loads_leaves_nobody(tmp_path: Path, model: Path) -> None:
    async with supervising(tmp_path, lambda _: Launch(command=worker_command(model))) as supervisor:
        await eventually((tmp_path / "engines" / "it.json").exists)
    assert supervisor.ready is None
    assert not (tmp_path / "engines" / "it.json").exists()
