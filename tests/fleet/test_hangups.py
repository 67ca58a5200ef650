"""SIGHUP to running programs: what can change does, and a file that is wrong changes nothing."""

import asyncio
import contextlib
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, Streaming, ask
from tests.fleet.harness import REPOSITORY, Program, herd, node

STARTED = """
import os, signal, sys
os.setsid()
signal.signal(signal.SIGHUP, signal.SIG_IGN if NOHUP else signal.SIG_DFL)
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""
"""A program at its own terminal."""


async def hung_up(program: Program, words: str) -> None:
    """Sends it, and waits until its log says these words once more."""
    before = program.log.read_text().count(words)
    program.signal(signal.SIGHUP)
    await eventually(lambda: program.log.read_text().count(words) > before, 10)


async def test_a_coordinator_takes_what_can_change(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[herd]\nhold_timeout = 60\n")
    async with herd(tmp_path, config_file=config, settle_time=0) as fleet:
        shown = await fleet.get("/dashboard/api/settings")
        assert shown["config"]["server"]["hold_timeout"] == 60
        await hung_up(fleet, "reloaded: no setting has changed")

        config.write_text("[herd]\nhold_timeout = 0.2\nstop_grace = 1\n[herd-node]\nnode_id = 'x'\n")
        await hung_up(fleet, f"reloaded: hold_timeout 60.0 -> 0.2 (file {config})")
        assert f"not before a restart: stop_grace 5.0 -> 1.0 (file {config})" in fleet.log.read_text()
        shown = await fleet.get("/dashboard/api/settings")
        assert shown["config"]["server"]["hold_timeout"] == 0.2

        config.write_text("[herd]\nhold_timeuot = 5\n")
        await hung_up(fleet, "not reloaded, everything stays as it was")
        assert "unknown key hold_timeuot in [herd]; did you mean hold_timeout?" in fleet.log.read_text()
        config.write_text("[herd]\nmax_retries = 7\nhold_timeout = 0.2\nconsole_log_level = 'ERROR'\n")
        (tmp_path / "herd" / "priorities").write_text("nonsense\n")
        await hung_up(fleet, "priorities: line 1")
        shown = await fleet.get("/dashboard/api/settings")
        assert shown["config"]["server"]["max_retries"] == 2
        (tmp_path / "herd" / "priorities").unlink()
        fleet.signal(signal.SIGHUP)

        async def taken() -> bool:
            now = await fleet.get("/dashboard/api/settings")
            return bool(now["config"]["server"]["max_retries"] == 7)

        await eventually(taken)
        assert "max_retries" not in fleet.log.read_text(), "the terminal's level has changed too"


async def test_a_new_limit_holds_for_the_next_call(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[herd]\nhold_limit = 1000\nhold_timeout = 30\n")
    async with (
        FakeEngine.run(["m"], loaded=["m"], token_delay_s=0.4, tokens=60) as fake,
        herd(tmp_path, config_file=config) as fleet,
        node(tmp_path, fleet.address, "node-1", ollama=fake.address),
    ):
        await fleet.ready("node-1")
        first = await Streaming.begin(fleet, "ollama")
        config.write_text("[herd]\nhold_limit = 0\n")
        await hung_up(fleet, "reloaded: hold_limit 1000 -> 0")
        assert (await ask(fleet, DIALECTS[0])).status == 503
        await fake.switch(hurry=True)
        rest = await first.rest()
        assert (rest.status, rest.frames[-1]["done"]) == (200, True)


async def test_an_agent_takes_what_can_change(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[herd-node]\nengine = ['ollama']\n")
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        herd(tmp_path) as fleet,
        node(tmp_path, fleet.address, "node-1", ollama=fake.address, config_file=config) as agent,
    ):
        await fleet.ready("node-1")
        config.write_text("[herd-node]\ndrain_timeout = 5\nembedded_slots = 3\n")
        await hung_up(agent, f"reloaded: drain_timeout 600.0 -> 5.0 (file {config})")
        assert f"not before a restart: embedded_slots 2 -> 3 (file {config})" in agent.log.read_text()
        config.write_text("[herd-nod]\n")
        await hung_up(agent, "unknown table herd-nod; did you mean herd-node?")
        assert agent.process.returncode is None


@contextlib.asynccontextmanager
async def in_a_terminal(
    data_dir: Path, *, nohup: bool
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Callable[[], None]]]:
    """`herd`, and what closes its terminal."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTED.replace("NOHUP", str(nohup))),
        *(sys.executable, "-m", "coordinator"),
        *("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)),
        cwd=REPOSITORY,
        env=dict(os.environ) | {"FLEET_CONFIG_FILE": os.devnull, "FLEET_ENV_FILE": os.devnull},
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        assert process.stdout is not None
        assert b"listening" in await process.stdout.readline()
        yield process, lambda: os.close(ours)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def test_a_terminal_that_is_closed_stops_what_was_started_in_it(tmp_path: Path) -> None:
    async with in_a_terminal(tmp_path, nohup=False) as (process, close):
        close()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        assert "stopping" in (tmp_path / "logs" / "herd.jsonl").read_text()


async def test_but_not_what_was_to_outlive_it(tmp_path: Path) -> None:
    async with in_a_terminal(tmp_path, nohup=True) as (process, close):
        close()
        log = tmp_path / "logs" / "herd.jsonl"
        await eventually(lambda: "reloaded: no setting has changed" in log.read_text(), 20)
        assert process.returncode is None
