"""`herd top` in a real terminal, on imagined fleets of 3 and of 30 nodes and on a real one."""

import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.imagining import imagined
from tests.fleet.asking import Streaming
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.tmux import THERE, Terminal

pytestmark = pytest.mark.skipif(not THERE or sys.platform == "win32", reason="needs tmux")
SIZES = [(80, 24), (160, 48)]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
@pytest.mark.parametrize("nodes", [3, 30])
async def test_what_stands_on_the_screen(nodes: int, columns: int, rows: int) -> None:
    """Nothing is wider or longer than it; every view is there; a node that dies and one that drains are seen."""
    async with (
        imagined(nodes) as url,
        Terminal.running("top", "--url", url, columns=columns, rows=rows) as terminal,
        aiohttp.ClientSession() as session,
    ):
        lines = await terminal.sees(f"nodes {nodes}/{nodes}", f"[1 nodes {nodes}]", "> laptop-01", "q quit")
        assert len(lines) == rows
        assert max(map(len, lines)) <= columns
        seen = sum(("laptop-" in line or "tower-" in line or "workstation-" in line) for line in lines)
        assert seen == min(nodes, rows - 5)
        assert ("RTX" in "\n".join(lines)) == (columns == 160)
        async with session.post(f"{url}/imagined/lost/laptop-01", json={}) as response:
            assert response.status == 200
        await terminal.sees("✖ lost", f"nodes {nodes - 1}/{nodes}")
        await terminal.press("j", "r")
        await terminal.sees("Drain ", "[y] yes")
        await terminal.press("y")
        await terminal.sees("drains; u takes it back")
        await terminal.press("1")
        await terminal.sees("drain")
        await terminal.press("4")
        await terminal.sees("✖ leave", "▼ drain", "-> lost: no heartbeat")
        await terminal.press("2")
        await terminal.sees("llama3.2:3b", "SLOTS")
        await terminal.press("3")
        await terminal.sees("PHASE", "decode")
        await terminal.resize(60, 16)
        assert max(map(len, await terminal.sees("PHASE"))) <= 60


@pytest.mark.parametrize(("arguments", "locale"), [(["--ascii"], "C.UTF-8"), ([], "C")])
async def test_without_colour_and_without_symbols(arguments: list[str], locale: str) -> None:
    """NO_COLOR, and a terminal that knows ASCII only."""
    environment = {"NO_COLOR": "1", "LC_ALL": locale}
    async with (
        imagined(3) as url,
        Terminal.running("top", "--url", url, *arguments, columns=80, rows=24, **environment) as terminal,
    ):
        lines = await terminal.sees("> laptop-01", "#")
        assert "\n".join(lines).isascii()


async def test_a_terminal_without_a_cursor_gets_plain_tables() -> None:
    async with (
        imagined(3) as url,
        Terminal.running("top", "--url", url, columns=80, rows=48, TERM="dumb") as terminal,
    ):
        assert await terminal.exited() == 0
        lines = await terminal.lines()
        assert "\n".join(lines).isascii()
        assert sum(line.startswith("laptop-01") for line in lines) == 1


async def test_a_real_fleet_a_request_explained_and_a_restart(tmp_path: Path) -> None:
    """Its seven signals and the losers; what is said when the coordinator is away; q ends it with 0."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=400, token_delay_s=0.1) as one,
        FakeEngine.run(["m"], name="node-2") as two,
        fleet_of_fakes(tmp_path, [one, two], policy="weighted") as fleet,
        Terminal.running("top", "--url", fleet.address, columns=100, rows=30) as terminal,
    ):
        stream = await Streaming.begin(fleet, "ollama")
        await terminal.sees("nodes 2/2", "run 1", "▶ busy")
        await terminal.press("3")
        await terminal.sees("▶ decode", "m:latest", "node-1")
        await terminal.press("e")
        await terminal.sees("THERMAL", "CONTEXT", "* node-1", "node-2", "phase     decode")
        await terminal.press("q")
        await terminal.sees("[3 requests 1]")
        await terminal.press("C-k")
        await terminal.sees("End request")
        await terminal.press("y")
        await terminal.sees("[3 requests 0]")
        assert "ended this call" in str((await stream.rest()).frames[-1])
        fleet.signal(signal.SIGTERM)
        await terminal.sees("! ", "trying again")
        await terminal.press("q")
        assert await terminal.exited() == 0
