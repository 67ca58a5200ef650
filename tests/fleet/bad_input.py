"""One trial for every kind of bad input: what the answer may be, and that nothing else happened."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.raw_http import Reply, ask, request

_MESSAGES = [{"role": "user", "content": "hello"}]
GOOD: dict[str, dict[str, Any]] = {
    "/api/chat": {"model": "m", "messages": _MESSAGES},
    "/api/generate": {"model": "m", "prompt": "hello"},
    "/api/embed": {"model": "m", "input": "hello"},
    "/api/embeddings": {"model": "m", "prompt": "hello"},
    "/v1/chat/completions": {"model": "m", "messages": _MESSAGES},
    "/v1/completions": {"model": "m", "prompt": "hello"},
    "/v1/embeddings": {"model": "m", "input": "hello"},
}
"""A good call for every route."""
OLLAMA = tuple(path for path in GOOD if path.startswith("/api/"))
OPENAI = tuple(path for path in GOOD if path.startswith("/v1/"))
CHATS = ("/api/chat", "/v1/chat/completions")


class OllamaError(msgspec.Struct, forbid_unknown_fields=True):
    """`{"error": "text"}`"""

    error: str


class _OpenAiFault(msgspec.Struct, forbid_unknown_fields=True):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAiError(msgspec.Struct, forbid_unknown_fields=True):
    """`{"error": {message, type, param, code}}`, each of them there."""

    error: _OpenAiFault


class Case(msgspec.Struct, frozen=True):
    """A kind of bad input: the raw request for each path, and the statuses that are right."""

    name: str
    requests: Mapping[str, bytes]
    expected: set[int]
    """0: the connection may end without an answer."""
    half_close: bool = False
    dialect: bool = True
    """False: so broken that the answer has no dialect, as long as it says something."""
    header: str | None = None
    """One that the answer must have."""


def bodies(body: bytes, paths: Iterable[str] = tuple(GOOD)) -> dict[str, bytes]:
    """The same body posted to each path."""
    return {path: request("POST", path, body, length=len(body)) for path in paths}


@contextlib.asynccontextmanager
async def trial(data_dir: Path, **settings: Any) -> AsyncIterator[tuple[Herd, FakeEngine]]:
    """A fleet of one fake; after it, the coordinator's log must not have a fault of its own."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4) as fake,
        fleet_of_fakes(
            data_dir, [fake], **({"open": True} | settings)
        ) as herd,  # beats of every kind are heard
    ):
        yield herd, fake
        assert herd.process.returncode is None
    log = (data_dir / "herd" / "logs" / "herd.jsonl").read_bytes().splitlines()
    faults = [line for line in map(_log_line, log) if line["level"] in ("ERROR", "CRITICAL")]
    assert not faults, faults[:3]


async def refused_everywhere(data_dir: Path, cases: Iterable[Case], **settings: Any) -> None:
    """Every case is answered as it should be and leaves no trace. Tells all that fail, not only the first."""
    wrong: list[str] = []
    async with trial(data_dir, **settings) as (herd, fake):
        for case in cases:
            await fake.reset()
            for path, raw in case.requests.items():
                reply = await ask(herd.address, raw, half_close=case.half_close)
                wrong += [f"{case.name}, {path}: {fault}" for fault in faults_of(case, path, reply)]
            wrong += [f"{case.name}: {fault}" for fault in await _traces(herd, fake)]
    assert not wrong, "\n".join(wrong)


def faults_of(case: Case, path: str, reply: Reply) -> list[str]:
    """What is wrong with this answer."""
    shown = f"{reply.status} {reply.body[:200]!r}"
    if reply.status not in case.expected:
        return [f"status {shown}, not in {sorted(case.expected)}"]
    if not reply.status or reply.status == 200:
        return []
    faults = []
    if any(leak in reply.body for leak in (b"Traceback", b".py", b"site-packages", b"File \\")):
        faults.append(f"shows our insides: {shown}")
    if case.header and case.header.lower() not in reply.headers:
        faults.append(f"no {case.header} header: {shown}")
    if case.dialect:
        try:
            msgspec.json.decode(reply.body, type=OpenAiError if path.startswith("/v1/") else OllamaError)
        except msgspec.DecodeError as error:
            faults.append(f"not in its dialect ({error}): {shown}")
        if "x-request-id" not in reply.headers:
            faults.append(f"no X-Request-Id: {shown}")
    return faults


async def _traces(herd: Herd, fake: FakeEngine) -> list[str]:
    faults = []
    if started := (await fake.state()).started:
        faults.append(f"{started} calls reached the engine")

    async def nothing_runs() -> bool:
        return await herd.in_flight() == 0

    await eventually(nothing_runs)
    for path in CHATS:
        async with herd.session.post(herd.address + path, json=GOOD[path] | {"stream": False}) as response:
            if response.status != 200:
                faults.append(f"afterwards a good call fails: {response.status} {await response.text()}")
    return faults


def _log_line(line: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(line)
    return decoded
