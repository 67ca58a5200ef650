"""What callers say and who they are is in no file, no list of processes and no page, whatever went wrong."""

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.marked_secrets import Marked
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes

PAGES = (
    *("/metrics", "/fleet/status", "/fleet/queue", "/api/tags", "/api/ps", "/v1/models", "/dashboard"),
    *("/dashboard/api/traces", "/dashboard/api/health", "/dashboard/api/settings", "/dashboard/api/usage"),
    *("/dashboard/api/models", "/dashboard/api/overview", "/dashboard/api/apps"),
)
FAULTS: tuple[dict[str, Any], ...] = (
    {"fail_status": 500},
    {"fail_status": 400},
    {"busy_503": True},
    {"reset_before": True},
    {"close_after_chunks": 1},
    {"error_after_chunks": 1},
)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


async def tell(fleet: Herd, path: str, said: bytes | dict[str, Any], marked: Marked) -> int:
    """One call with both keys; its status, 0 where the connection broke."""
    headers = {"Authorization": f"Bearer {marked.key}", "x-api-key": marked.other_key}
    if isinstance(said, bytes):
        headers["Content-Type"] = "application/json"
    sent: dict[str, Any] = {"data": said} if isinstance(said, bytes) else {"json": said}
    with contextlib.suppress(aiohttp.ClientError):
        async with fleet.session.post(fleet.address + path, headers=headers, **sent) as response:
            await response.read()
            return response.status
    return 0


async def every_kind_of_call(fleet: Herd, fake: FakeEngine, marked: Marked) -> None:
    """Good ones, bad ones, and each fault of an engine."""
    said = [{"role": "user", "content": marked.prompt}]
    picture = [{"type": "image_url", "image_url": {"url": f"http://10.0.0.1/{marked.prompt}"}}]
    for path in ("/v1/chat/completions", "/api/chat"):
        for stream in (True, False):
            chat = {"model": "m", "messages": said, "stream": stream}
            assert await tell(fleet, path, chat, marked) == 200
            for fault in FAULTS:
                await fake.switch(**fault)
                await tell(fleet, path, chat, marked)
                await fake.switch(**dict.fromkeys(fault))
        broken = b'{"model": "m", "messages": [{"content": "' + marked.prompt.encode()
        assert await tell(fleet, path, broken, marked) == 400
        assert await tell(fleet, path, {"model": "m", "messages": marked.prompt}, marked) == 400
        assert await tell(fleet, path, {"model": "none", "messages": said}, marked) == 404
        assert await tell(fleet, path, {"model": "m", "messages": said, "options": marked.prompt}, marked)
    pictured = {"model": "m", "messages": [{"role": "user", "content": picture}]}
    assert await tell(fleet, "/v1/chat/completions", pictured, marked) == 400
    await tell(fleet, "/api/generate", {"model": "m", "prompt": marked.prompt}, marked)
    await tell(fleet, "/v1/embeddings", {"model": "m", "input": marked.prompt}, marked)
    await tell(fleet, "/heartbeat", {"node_id": 7, "gateway_secret": marked.key}, marked)
    await tell(fleet, "/no/such/route", {"prompt": marked.prompt}, marked)


async def test_nothing_of_a_call_is_left_behind(tmp_path: Path) -> None:
    marked = Marked()
    agents = {"log_level": "DEBUG", "console_log_level": "DEBUG"}
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=2) as fake,
        FakeEngine.run(["m"], loaded=["m"], slots=2, name="fakeB") as second,
        fleet_of_fakes(
            tmp_path, [fake, second], agents=agents, console_log_level="DEBUG", circuit_failures=1000
        ) as fleet,
    ):
        await every_kind_of_call(fleet, fake, marked)
        said = {"model": "m", "messages": [{"role": "user", "content": marked.prompt}]}
        second.kill()
        for _ in range(4):
            await tell(fleet, "/api/chat", said, marked)
        await eventually(fleet.idle)
        for page in PAGES:
            async with fleet.session.get(fleet.address + page) as response:
                assert not marked.inside(await response.read()), page
        for program in (fleet, *fleet.agents.values()):
            pids = [program.pid, *(each.pid for each in psutil.Process(program.pid).children(recursive=True))]
            assert list(marked.in_command_lines(pids)) == []
    assert [path.name for path in marked.in_files(tmp_path)] == []
    assert (tmp_path / "herd" / "latency.db").stat().st_size, "there was something to look through"
    assert '"retries"' in (tmp_path / "herd" / "logs" / "herd.jsonl").read_text()


async def test_what_is_kept_is_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as fleet:
            await tell(fleet, "/api/chat", {"model": "m", "messages": []}, Marked())
            kept = _kept(tmp_path)
    finally:
        os.umask(before)
    wide = [each for each in (tmp_path / "herd", tmp_path / "node-1", *kept) if _others_may(each)]
    assert {"latency.db", "coordinator-id", "herd.jsonl"} <= {each.name for each in kept}
    assert wide == []


def _others_may(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _kept(directory: Path) -> list[Path]:
    return [each for each in directory.glob("*/**/*") if not each.is_symlink()]
