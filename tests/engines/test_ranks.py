"""DeepSpeed as a tree of ranks: whoever of it dies, the others go too, and it serves again."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from agent.engines import deepspeed
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from tests.engines.started import NAME, SHARED, Tiny, gone, shared_by, started
from tests.engines.tiny_model import NEW_TOKENS
from tests.fakes.doubles.running import Double
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]
TWO = {"device": "cpu", "threads": 1, "tensor_parallel": 2}


async def test_when_a_rank_is_killed_the_group_goes_and_serves_again(tiny: Tiny, tmp_path: Path) -> None:
    text, answer = next(iter(tiny.texts.items()))
    stale = tiny.extensions / "deepspeed_shm_comm" / "lock"  # of a compiler that was killed
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()
    async with started("deepspeed", tmp_path, tiny.options(**TWO)) as running:
        launcher, *ranks = old = running.tree()
        assert len(ranks) == 2
        assert len(shared_by(launcher.pid)) == 3
        sockets = [each for one in old for each in one.net_connections() if each.status == psutil.CONN_LISTEN]
        assert {each.laddr.ip for each in sockets} == {"127.0.0.1"}
        endless = asyncio.create_task(
            running.door.ask("/v1/completions", {"model": NAME, "prompt": "w9", "max_tokens": 500, "seed": 1})
        )

        async def at_work() -> bool:
            return (await running.engine.look()).replicas[0].slots_busy == 1

        await eventually(at_work, every_s=0.001)
        began = time.monotonic()
        ranks[1].kill()
        status, _, _ = await endless
        assert status >= 500
        told_s = time.monotonic() - began
        await eventually(lambda: running.engine.pids not in ((), (launcher.pid,)), 120)
        again_s = time.monotonic() - began
        sys.stdout.write(
            f"\none of 2 ranks killed: its caller told after {told_s:.1f} s, ready again after {again_s:.1f} s\n"
        )
        assert all(gone(each) for each in old)
        assert shared_by(launcher.pid) == []
        (event,) = running.supervisor.events.all()
        assert (event.kind, event.code, event.rung) == (Kind.KILLED, 256 - signal.SIGKILL, Rung.AS_IT_WAS)
        told = await running.complete(text, max_tokens=NEW_TOKENS)
        assert told["choices"][0]["text"] == answer


async def test_all_ranks_end_with_the_input(tiny: Tiny) -> None:
    """As when the agent was killed: nobody is left to end them."""
    options = msgspec.convert(tiny.options(**TWO), deepspeed.Options)
    launch = deepspeed.launch(options, (tiny.python,), 0, Rung.AS_IT_WAS)
    process = await asyncio.create_subprocess_exec(
        *launch.command,
        env=launch.environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = msgspec.json.decode(await process.stdout.readline(), type=Double)
        assert line.pid == process.pid
        first = psutil.Process(process.pid)
        ranks = first.children(recursive=True)
        process.stdin.close()
        assert await process.wait() == 0
        assert all(gone(each) for each in ranks)
    finally:
        for path in shared_by(process.pid):
            (SHARED / path).unlink()
