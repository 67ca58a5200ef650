"""`herd top` where its output is no terminal: plain tables, JSON, errors and exit codes. A real coordinator, fakes."""

from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fleet.asking import Streaming
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.verbs import Said, Verb


async def top(url: str, *arguments: str) -> Said:
    """What it said of the coordinator at `url`."""
    return await (await Verb.begin("coordinator", "top", "--url", url, *arguments)).ended()


async def test_tables_json_and_one_view(tmp_path: Path) -> None:
    """The same picture in three ways, with a call under way."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], name="node-1", tokens=400, token_delay_s=0.1) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        stream = await Streaming.begin(fleet, "ollama")
        code, told, wrong = await top(fleet.address)
        assert (code, wrong) == (0, "")
        lines = told.splitlines()
        assert lines[0].startswith("herd ")
        assert "\x1b" not in told
        assert sum(line.startswith("NAME ") for line in lines) == 2
        assert any(line.startswith("node-1") for line in lines)
        code, told, _ = await top(fleet.address, "--once", "--view", "requests")
        assert (code, "decode" in told, "VRAM" in told) == (0, True, False)
        code, told, _ = await top(fleet.address, "--json")
        picture: dict[str, Any] = msgspec.json.decode(told)
        assert set(picture) == {"fleet", "nodes", "models", "requests", "events", "timestamp"}
        assert picture["nodes"]["node-1"]["state"] == "ready"
        stream.abort()
        code, told, _ = await top(fleet.address, "--json", "--view", "nodes")
        assert list(msgspec.json.decode(told)) == ["node-1"]


async def test_what_is_wrong_is_told_on_standard_error() -> None:
    """Nobody there: 1. Something else, or an older coordinator: 3. Wrong usage: 2."""
    code, told, wrong = await top("http://127.0.0.1:9")
    assert (code, told) == (1, "")
    assert wrong.startswith("herd: no coordinator answers at http://127.0.0.1:9: ")
    async with FakeEngine.run(["m"]) as fake:
        code, told, wrong = await top(fake.address, "--json")
        assert (code, told) == (3, "")
        assert "no /fleet/events" in wrong
    code, _, wrong = await top("http://127.0.0.1:9", "--view", "pods")
    assert (code, "'pods'" in wrong) == (2, True)
