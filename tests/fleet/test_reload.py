"""engines.toml is changed under calls: the engine with other settings takes the old one's place, and no call fails.

The engine is a double of vLLM, run as its program; the agent, its supervisor and the coordinator are real.
"""

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.agent.supervised import free_port
from tests.fakes.doubles.running import PROGRAMS
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, herd, node
from tests.fleet.swapping import Clients
from tests.fleet.verbs import verb

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for a Python")

BROKEN, LONELY = "--no-such-thing", "--lonely"
"""Words with which the engine never starts, or not while another runs."""
GREEDY = "--max-num-seqs 32"
"""With these it wants more memory than there is."""


def a_python(directory: Path) -> Path:
    """Runs the double whatever module it is asked for; but with BROKEN among its words it ends."""
    path = directory / "python"
    lines = [
        "#!/bin/sh",
        f'case "$*" in *{BROKEN}*) echo "worker: it is broken" >&2; exit 1;; esac',
        f'case "$*" in *"{GREEDY}"*) echo "CUDA error: out of memory" >&2; exit 1;; esac',
        f"running={directory}/running",
        f'case "$*" in *{LONELY}*) if [ -e "$running" ] && kill -0 "$(cat "$running")"; then',
        'echo "CUDA error: out of memory" >&2; exit 1; fi;; esac',
        'echo $$ > "$running"',
        f'shift 2; exec {sys.executable} {PROGRAMS / "vllm.py"} "$@"',
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def says(directory: Path, context: int, *, port: int = 0, further: str = "", slots: int = 4) -> None:
    """What engines.toml says."""
    text = f'[v]\nkind = "vllm"\nmodel = "m"\ncontext = {context}\nport = {port}\nslots = {slots}\n'
    text += f'python = "{directory / "python"}"\narguments = ["{further}"]\n'
    (directory / "n" / "engines.toml").write_text(text)


async def context_of(fleet: Herd) -> int | None:
    """Of the engine's model, as the fleet knows it."""
    (engine,) = (await fleet.nodes())["n"]["engines"]
    found: int | None = engine["models"][0]["max_context"]
    return found


async def kinds(fleet: Herd) -> list[str]:
    """Of the events."""
    return [each["kind"] for each in (await fleet.nodes())["n"]["events"]]


@pytest.mark.parametrize("fixed", [False, True])
async def test_other_settings_under_calls(tmp_path: Path, fixed: bool) -> None:
    """With a fixed port two cannot run at once: then the new one comes after the old."""
    a_python(tmp_path)
    (tmp_path / "n").mkdir()
    port = free_port() if fixed else 0
    says(tmp_path, 1024, port=port)
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine="v") as agent:
        await fleet.ready("n")
        assert await context_of(fleet) == 1024
        clients = Clients(fleet, "m")
        async with clients.calling():
            await clients.more()
            says(tmp_path, 2048, port=port)
            said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}")
            await clients.more()
            how = "after" if fixed else "beside"
            assert (said.code, said.out) == (0, f"v swapped: the new one was started {how} the old\n"), said
            await eventually(lambda: now_has(fleet, 2048))
            says(tmp_path, 4096, port=port)
            agent.signal(signal.SIGHUP)
            await eventually(lambda: now_has(fleet, 4096), 20)
            await clients.more()
            says(tmp_path, 512, port=port, further=BROKEN)
            said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}")
            await clients.more()
            assert (said.code, said.out) == (1, "")
            assert ("the old one was started again" if fixed else "the old one goes on") in said.err
            (tmp_path / "n" / "engines.toml").write_text("[v\n")
            said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}", "-ojson")
            assert said.code == 1
            assert "engines.toml" in json.loads(said.out)["refused"]
            await clients.more()
        assert clients.bad == []
        assert await context_of(fleet) == 4096
        told = [each for each in await kinds(fleet) if "swapped" in each]
        assert told == ["swapped", "swapped", "not swapped"]


async def test_what_finds_no_memory_beside_the_old_comes_after_it_and_down_the_ladder(tmp_path: Path) -> None:
    a_python(tmp_path)
    (tmp_path / "n").mkdir()
    says(tmp_path, 1024)
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine="v"):
        await fleet.ready("n")
        clients = Clients(fleet, "m")
        async with clients.calling():
            await clients.more()
            says(tmp_path, 2048, further=LONELY, slots=32)
            said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}")
            await clients.more()
        assert clients.bad == []
        assert (said.code, said.out) == (0, "v swapped: the new one was started after the old\n"), said
        assert await context_of(fleet) == 2048
        told = await kinds(fleet)
        assert (told[0], told[-1]) == ("out of memory", "swapped")


async def now_has(fleet: Herd, context: int) -> bool:
    """Whether the fleet knows of the new settings."""
    return await context_of(fleet) == context


async def test_what_a_reload_cannot_do_it_says(tmp_path: Path) -> None:
    a_python(tmp_path)
    (tmp_path / "n").mkdir()
    says(tmp_path, 1024)
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n"):
        await eventually((tmp_path / "n" / "nodes" / "n" / "agent.json").exists, 20)
        said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}")
        assert said.code == 0, said  # --engine embedded stands, whatever the file says
        assert said.out == "embedded already the newest: it is already the newest\n"
    said = await verb("agent", "reload", f"--data-dir={tmp_path / 'n'}")
    assert (said.code, said.out) == (3, "")
