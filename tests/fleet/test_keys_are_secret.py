"""After a run that used a marked key nothing has it: no file, no log, no answer, no list of processes."""

from pathlib import Path

import psutil

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.asking import DIALECTS, ask
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.keyed import a_key, bearer, key_verb, left


async def used(herd: Herd, key: str) -> list[str]:
    """Well and badly, in both dialects; what came back."""
    answers = []
    for dialect in DIALECTS:
        for stream in (False, True):
            for shown in (key, f"{key}x", f"{key}~"):
                reply = await ask(herd, dialect, stream=stream, headers=bearer(shown))
                answers.append(f"{reply.raw!r} {reply.headers}")
        answers.append(repr((await ask(herd, dialect, model="no-such", headers={"x-api-key": key})).raw))
    for path in ("/fleet/status", "/dashboard/api/settings", "/dashboard/api/traces?limit=100", "/metrics"):
        async with herd.session.get(herd.address + path) as response:
            answers.append(await response.text())
    return answers


async def test_no_key_is_left_anywhere(tmp_path: Path) -> None:
    key = await a_key(tmp_path, "marked", "--rpm", "3", "--scope", "infer", "--scope", "read")
    secret = key[-43:]
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], bad_keys=2, log_level="DEBUG") as herd,
    ):
        answers = await used(herd, key)
        assert any("200" not in each for each in answers)
        processes = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        answers += [(await key_verb(tmp_path, *words)).out for words in (["list"], ["list", "--json"])]
        await key_verb(tmp_path, "revoke", "marked")

        async def refused() -> bool:
            return (await ask(herd, headers=bearer(key))).status in (401, 429)

        await eventually(refused)
    assert not [each for each in (*answers, *processes) if secret in each]
    files = left(tmp_path)
    assert {"latency.db", "herd.jsonl", "keys.json"} <= {Path(name).name for name in files}
    assert [name for name, content in files.items() if secret.encode() in content] == []
