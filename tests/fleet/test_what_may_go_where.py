"""Engines that cost or only complete, models that cannot see: a call goes where it may, and where it can be served."""

import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.doubles.running import PROGRAMS
from tests.fleet.harness import Herd, fleet_of_fakes, herd, node

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "stream": False}
PROMPT: dict[str, Any] = {"prompt": "a b", "max_tokens": 3, "stream": False}
PICTURE = "iVBORw0KGgo="


async def asked(
    fleet: Herd, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Status and text."""
    async with fleet.session.post(fleet.address + path, json=body, headers=headers) as response:
        return response.status, await response.text()


@pytest.fixture
async def cloud() -> AsyncIterator[FakeEngine]:
    async with FakeEngine.run(["big"], slots=4) as running:
        yield running


def upstream(cloud: FakeEngine) -> str:
    return f"openai:name=cloud:url={cloud.address}/v1:price_in=0.5:price_out=2"


async def test_what_costs_is_used_by_calls_that_allow_it(tmp_path: Path, cloud: FakeEngine) -> None:
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine=upstream(cloud)):
        await fleet.ready("n")
        (engine,) = (await fleet.nodes())["n"]["engines"]
        assert (engine["restricted"], engine["price_in"], engine["price_out"]) == ("cost", 0.5, 2.0)
        for path in ("/v1/chat/completions", "/api/chat"):
            body = CHAT | {"model": "big"}
            status, text = await asked(fleet, path, body)
            assert status == 400
            assert (
                "cloud on n serves only calls that allow it (cost): header X-Fleet-Allow: restricted" in text
            )
            assert (await asked(fleet, path, body, {"X-Fleet-Allow": "cost"}))[0] == 200
            assert (await asked(fleet, path, body | {"allow_restricted": True}))[0] == 200
            status, text = await asked(fleet, path, body, {"X-Fleet-Allow": "yes"})
            assert (status, "X-Fleet-Allow is none, or some of" in text) == (400, True)
        sent = [msgspec.json.decode(call.body) for call in (await cloud.state()).calls if call.body]
        assert len(sent) == 4
        assert not any("allow_restricted" in body for body in sent), "it is herd's own"


async def test_a_fleet_may_allow_it_for_all(tmp_path: Path, cloud: FakeEngine) -> None:
    async with (
        herd(tmp_path, allow_restricted=True) as fleet,
        node(tmp_path, fleet.address, "n", engine=upstream(cloud)),
    ):
        await fleet.ready("n")
        body = CHAT | {"model": "big"}
        assert (await asked(fleet, "/v1/chat/completions", body))[0] == 200
        assert (await asked(fleet, "/v1/chat/completions", body | {"allow_restricted": False}))[0] == 400
        async with fleet.session.post(f"{fleet.address}/fleet/explain", json=body) as response:
            assert (await response.json())["chosen"] == "n"
        no = {"X-Fleet-Allow": "none"}
        async with fleet.session.post(f"{fleet.address}/fleet/explain", json=body, headers=no) as response:
            assert "allow it (cost)" in (await response.json())["candidates"][0]["refusal"]


async def test_what_only_completes_gets_completions_that_can_wait(tmp_path: Path) -> None:
    program, vocabulary = tmp_path / "infer-fp32", tmp_path / "words"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {PROGRAMS / "infer.py"} "$@"\n')
    program.chmod(0o755)
    vocabulary.write_bytes(
        b"".join(len(word).to_bytes(4, "little") + word for word in (b"<s>", b"a", b"b", b" "))
    )
    engine = f"glinthawk:model=/m/stories:compiled=stories-110m:vocabulary={vocabulary}:program={program}:gather=0.1"
    batch = {"X-Fleet-Priority": "batch"}
    async with herd(tmp_path) as fleet, node(tmp_path, fleet.address, "n", engine=engine):
        await fleet.ready("n")
        (served,) = (await fleet.nodes())["n"]["engines"]
        (model,) = served["models"]
        assert model["abilities"] == ["completion"]
        named = {"model": model["name"]}
        status, text = await asked(fleet, "/v1/completions", PROMPT | named, batch)
        assert status == 200, text
        status, text = await asked(fleet, "/v1/completions", PROMPT | named)
        assert (status, "allow it (batch)" in text) == (400, True)
        for path, body in (("/v1/chat/completions", CHAT), ("/api/chat", CHAT), ("/api/generate", PROMPT)):
            status, text = await asked(fleet, path, body | named, batch)
            assert (status, "does not support chat" in text) == (400, True), (path, text)
        raw = {"prompt": "a b", "raw": True, "stream": False, "options": {"num_predict": 3}}
        status, text = await asked(fleet, "/api/generate", raw | named, batch)
        assert status == 200, text


SEES = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]
CANNOT: list[tuple[str, str, dict[str, Any], str]] = [
    ("embeds", "/api/chat", CHAT, "chat"),
    ("embeds", "/v1/chat/completions", CHAT, "chat"),
    ("embeds", "/v1/completions", PROMPT, "completion"),
    ("chats", "/v1/embeddings", {"input": "a"}, "embedding"),
    ("chats", "/api/embed", {"input": "a"}, "embedding"),
    ("chats", "/api/chat", CHAT | {"tools": [{"type": "function"}]}, "tools"),
    ("chats", "/api/chat", {"messages": [{"role": "user", "images": [PICTURE]}]}, "vision"),
    ("chats", "/v1/chat/completions", {"messages": [{"role": "user", "content": SEES}]}, "vision"),
    ("chats", "/api/generate", {"prompt": "a", "suffix": "b"}, "insert"),
]


async def test_no_engine_is_asked_for_what_it_cannot(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["embeds"], capabilities=["embedding"]) as first,
        FakeEngine.run(["chats"], capabilities=["completion"]) as second,
        fleet_of_fakes(tmp_path, [first, second]) as fleet,
    ):
        for model, path, body, missing in CANNOT:
            status, text = await asked(fleet, path, body | {"model": model})
            assert (status, f"does not support {missing}" in text) == (400, True), (path, text)
        for fake in (first, second):
            assert (await fake.state()).started == 0
        assert (await asked(fleet, "/v1/completions", PROMPT | {"model": "chats"}))[0] == 200
