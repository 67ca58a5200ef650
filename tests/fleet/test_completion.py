"""Tab in a real bash: tags, which bash takes for words of their own. A fake engine, a tmux server of the test's own."""

import os
import sys
from pathlib import Path

import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.harness import REPOSITORY, fleet_of_fakes
from tests.fleet.tmux import THERE, Terminal

MODELS = ["qwen3:8b", "qwen3:14b", "other"]
TYPED = (
    ("herd show qw", "herd show qwen3:"),
    ("herd show qwen3:8", "herd show qwen3:8b"),
    ("herd rm qwen3:8b qwen3:1", "herd rm qwen3:8b qwen3:14b"),
    ("herd pull qwen3:8b --node no", "herd pull qwen3:8b --node node-1"),
    ("herd pull qwen3:8b --node=no", "herd pull qwen3:8b --node=node-1"),
    ("herd cor", "herd cordon"),
)


@pytest.mark.skipif(not THERE, reason="no tmux here")
async def test_tab_completes_what_stands_behind_a_colon(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "herd"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom coordinator.cli import main\nmain(prog_name='herd')\n")
    program.chmod(0o755)
    start = tmp_path / "start.bash"
    start.write_text('eval "$(herd completion bash)"\nbind "set bell-style none"\nPS1="now> "\n')
    async with (
        FakeEngine.run(MODELS, slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
        Terminal.of(
            *("bash", "--noprofile", "--rcfile", str(start), "-i"),
            columns=100,
            rows=20,
            PYTHONPATH=str(REPOSITORY),
            FLEET_URL=fleet.address,
            PATH=f"{program.parent}:{os.environ['PATH']}",
        ) as terminal,
    ):
        await terminal.sees("now>")
        for typed, whole in TYPED:
            await terminal.press(typed, "Tab")
            await terminal.sees(f"now> {whole}")
            await terminal.press("C-u", "C-l")
        await terminal.press("herd run qwen3:", "Tab", "Tab")
        await terminal.sees("14b", "8b", "now> herd run qwen3:")
