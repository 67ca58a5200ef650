"""One child process: ready, ended, too slow, impossible to start. Real processes."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.supervisor import LOG_BYTES, Supervisor
from tests.fakes.waiting import eventually

READY = 'print(\'{"address": "http://127.0.0.1:9", "pid": 1}\', flush=True); '
FOR_EVER = "import sys; sys.stdin.read()"


@asynccontextmanager
async def supervised(
    directory: Path, program: str, *, python: str = sys.executable, ready_timeout_s: float = 10.0
) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor("it", [python, "-c", program], directory / "it.log", ready_timeout_s)
    supervisor.start()
    try:
        await asyncio.wait_for(supervisor.changed.wait(), 20)
        yield supervisor
    finally:
        await supervisor.stop()


async def test_it_is_ready_once_its_line_came(tmp_path: Path) -> None:
    async with supervised(tmp_path, READY + FOR_EVER) as supervisor:
        assert supervisor.ready is not None
        assert supervisor.ready.address == "http://127.0.0.1:9"
        assert supervisor.reason == ""


async def test_one_that_ends_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = f"open({str(starts)!r}, 'a').write('x'); " + READY
    async with supervised(tmp_path, program):
        await eventually(lambda: len(starts.read_text()) >= 2, 10)


async def test_the_workers_own_word_is_the_reason_and_other_lines_are_not(tmp_path: Path) -> None:
    words = "import sys; sys.stderr.write('a prompt\\nthe worker: cannot serve it\\nanother prompt\\n'); sys.exit(1)"
    async with supervised(tmp_path, words) as supervisor:
        assert supervisor.reason == "exit code 1: the worker: cannot serve it"
    async with supervised(
        tmp_path / "b", "import sys; sys.stderr.write('a prompt'); sys.exit(7)"
    ) as supervisor:
        assert supervisor.reason == "exit code 7: see it.log in the node's logs"


async def test_one_that_never_says_so_is_not_ready(tmp_path: Path) -> None:
    async with supervised(tmp_path, FOR_EVER, ready_timeout_s=0.3) as supervisor:
        assert supervisor.ready is None
        assert "not ready within" in supervisor.reason


async def test_nonsense_instead_of_the_line_is_no_end_of_the_supervisor(tmp_path: Path) -> None:
    async with supervised(tmp_path, "print('hello', flush=True); " + FOR_EVER) as supervisor:
        assert "cannot be started" in supervisor.reason


async def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    async with supervised(tmp_path, "", python=str(tmp_path / "missing")) as supervisor:
        assert "cannot be started" in supervisor.reason
        assert "missing" in supervisor.reason


async def test_a_long_log_is_turned_over_at_a_start(tmp_path: Path) -> None:
    (tmp_path / "it.log").write_bytes(b"x" * (LOG_BYTES + 1))
    async with supervised(tmp_path, READY + FOR_EVER):
        assert (tmp_path / "it.log").stat().st_size == 0
        assert (tmp_path / "it.log.1").stat().st_size == LOG_BYTES + 1
