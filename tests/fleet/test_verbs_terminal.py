"""Verbs in a terminal: a chat that remembers, an answer that is ended, bars. Fake engines."""

from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.terminal import Terminal
from tests.fleet.test_verbs_models import last_asked


async def test_a_chat_in_a_terminal_remembers_what_was_said(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(tmp_path, "run", "m", "--url", fleet.address)
        await terminal.shows(">>> ")
        terminal.types("first")
        await terminal.shows("node-1 says hello 1 2")
        terminal.types('"""second')
        await terminal.shows("... ")
        terminal.types('line"""')
        await eventually(lambda: said_to(fake, 2), 10)
        terminal.types("/bye")
        assert await terminal.ended() == 0
        assert await last_asked(fake) == ["first", "node-1 says hello 1 2", "second\nline"]
        history = tmp_path / "run-history"
        assert history.read_text().splitlines()[0] == "first"
        assert history.stat().st_mode & 0o777 == 0o600


async def test_a_model_that_nobody_has_is_told_before_the_first_line(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(tmp_path, "run", "nosuch", "--url", fleet.address)
        await terminal.shows('model "nosuch" not found')
        await terminal.shows(">>> ")
        terminal.types("/bye")
        assert await terminal.ended() == 0


async def test_ctrl_c_ends_an_answer_and_not_the_chat(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1", token_delay_s=0.2, tokens=500) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(tmp_path, "run", "m", "--no-history", "--url", fleet.address)
        await terminal.shows(">>> ")
        terminal.types("first")
        await terminal.shows("node-1 says hello")
        terminal.interrupt()
        await terminal.shows(">>> ")
        await eventually(fleet.idle, 2)
        await fake.switch(token_delay_s=0, tokens=5)
        terminal.types("second")
        await terminal.shows("node-1 says hello 1 2")
        terminal.types("/bye")
        assert await terminal.ended() == 0
        first, begun, second = await last_asked(fake)
        assert (first, second) == ("first", "second")
        assert begun.startswith("node-1 says hello")
        assert not (tmp_path / "run-history").exists()


async def test_what_was_typed_is_kept_where_config_toml_says(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[herd]\ndata_dir = "{tmp_path / "kept"}"\n')
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(
            tmp_path,
            "run",
            "m",
            "--url",
            fleet.address,
            FLEET_CONFIG_FILE=str(file),
            FLEET_ENV_FILE="/dev/null",
        )
        await terminal.shows(">>> ")
        terminal.types("/bye")
        assert await terminal.ended() == 0
    assert (tmp_path / "kept" / "run-history").read_text() == "/bye\n"


async def test_a_pull_shows_bars(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1", pull_delay_s=0.2) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(tmp_path, "pull", "new", "--url", fleet.address)
        await terminal.shows("node-1  pulling ")
        await terminal.shows("pulled 'new' onto node-1")
        assert await terminal.ended() == 0


async def said_to(fake: FakeEngine, count: int) -> bool:
    """Whether so many chats have come."""
    return len([each for each in (await fake.state()).calls if each.path == "/api/chat"]) >= count
