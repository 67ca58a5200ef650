"""Another model instead of a cold load, over real programs: only where it is allowed, and always to be seen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, PATHS, Dialect
from tests.fleet.harness import Herd, fleet_of_fakes

SMALL = "small:8b"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ABLE = ["completion", "tools", "vision"]


@asynccontextmanager
async def fleet(data_dir: Path, **settings: Any) -> AsyncIterator[tuple[Herd, FakeEngine, FakeEngine]]:
    """node-1 has the small model in memory, node-2 many large ones on disk, which see."""
    large = [f"large-{number}:70b" for number in range(8)]
    async with (
        FakeEngine.run([SMALL], loaded=[SMALL], slots=4, name="node-1") as small,
        FakeEngine.run(large, slots=4, name="node-2", capabilities=ABLE) as disk,
        fleet_of_fakes(data_dir, [small, disk], **settings) as herd,
    ):
        yield herd, small, disk


async def served(herd: Herd, dialect: Dialect, model: str, *headers: tuple[str, str], **fields: Any) -> str:
    """The model that answered, by the header; "" where it was refused with a 400."""
    message = {"role": "user", "content": "hello"} | fields.pop("message", {})
    body = {"model": model, "stream": False, "messages": [message], **fields}
    async with herd.session.post(herd.address + PATHS[dialect], json=body, headers=dict(headers)) as response:
        answer = await response.json()
        if response.status == 400:
            error = answer["error"]
            assert "allback" in (error if dialect == "ollama" else error["message"]), answer
            return ""
        assert response.status == 200, answer
        name = response.headers["X-Fleet-Served-Model"]
        assert response.headers["X-Fleet-Fallback"] == str(name != model).lower()
        assert answer["model"] == name
        return name


async def test_a_caller_may_allow_it_and_forbid_it(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (herd, small, _):
        for dialect in DIALECTS:
            assert await served(herd, dialect, "large-1:70b", fallback=True, fallback_models=[]) == SMALL
            # Its agent asks, too, by GET.
            asked = [call for call in (await small.state()).calls if call.method == "POST"]
            body = msgspec.json.decode(asked[-1].body)
            assert body["model"] == SMALL
            assert not {"fallback", "fallback_models"} & body.keys()
            for absurd in ("yes", 1, [True]):
                assert await served(herd, dialect, "large-1:70b", fallback=absurd) == ""
            maybe = ("X-Fleet-No-Fallback", "perhaps")
            assert await served(herd, dialect, "large-1:70b", maybe, fallback=True) == ""
        picture = {"images": [PICTURE]}
        seen = await served(herd, "ollama", "large-2:70b", fallback=True, message=picture)
        assert seen == "large-2:70b", "the small one does not see"
        wide = await served(herd, "ollama", "large-3:70b", fallback=True, options={"num_ctx": 8192})
        assert wide == "large-3:70b", "the small one has 4096 tokens"
        assert await served(herd, "ollama", "large-0:70b") == "large-0:70b", "it is off by default"
        never = ("X-Fleet-No-Fallback", "true")
        assert await served(herd, "openai", "large-4:70b", never, fallback=True) == "large-4:70b"

        async def traced() -> list[dict[str, Any]]:
            rows = (await herd.get("/dashboard/api/traces?limit=50"))["traces"]
            return [row for row in rows if row["original_model"] == "large-1:70b" and row["node_id"]]

        async def all_there() -> bool:
            return len(await traced()) == len(DIALECTS)

        await eventually(all_there)
        for row in await traced():
            assert (row["model"], row["fallback_used"], row["node_id"]) == (SMALL, True, "node-1")
            assert row["scores_breakdown"]["quality_bonus"] > 0


async def test_a_fleet_may_allow_it_and_a_caller_forbid_it(tmp_path: Path) -> None:
    async with fleet(tmp_path, vram_fallback=True) as (herd, _, disk):
        for dialect in DIALECTS:
            assert await served(herd, dialect, "large-1:70b") == SMALL
        assert (await disk.state()).started == 0
        never = ("X-Fleet-No-Fallback", "true")
        assert await served(herd, "ollama", "large-1:70b", never) == "large-1:70b"
        assert await served(herd, "openai", "large-2:70b", fallback=False) == "large-2:70b"
        assert (await herd.get("/dashboard/api/settings"))["config"]["toggles"]["vram_fallback"] is True
