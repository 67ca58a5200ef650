"""Calls in either dialect, and what came of them, read as strictly as a caller's parser would."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import msgspec

from tests.fleet.harness import Herd

Dialect = Literal["ollama", "openai"]
DIALECTS: tuple[Dialect, ...] = ("ollama", "openai")
PATHS: dict[Dialect, str] = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}
WAYS: tuple[tuple[Dialect, bool], ...] = tuple(
    (name, stream) for name in DIALECTS for stream in (False, True)
)
"""Each dialect, whole and streamed."""


def body(model: str, *, stream: bool, **fields: Any) -> dict[str, Any]:
    """A chat, the same in both dialects."""
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": stream} | fields


@dataclass(frozen=True)
class Reply:
    """One answer to its last byte."""

    dialect: Dialect
    stream: bool
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def node(self) -> str:
        """Who answered, by the header."""
        return self.headers["X-Fleet-Node"]

    @property
    def retries(self) -> int:
        """How many attempts failed before, by the header."""
        return int(self.headers["X-Fleet-Retries"])

    @property
    def frames(self) -> list[dict[str, Any]]:
        """Every line or event, decoded; [DONE] left out. Fails where one is cut or malformed."""
        if not self.stream or self.status >= 400:
            return [msgspec.json.decode(self.raw)]
        if self.dialect == "ollama":
            assert self.raw.endswith(b"\n"), self.raw[-200:]
            return [msgspec.json.decode(line) for line in self.raw.splitlines()]
        assert self.raw.endswith(b"\n\n"), self.raw[-200:]
        events = [event for event in self.raw.split(b"\n\n") if event]
        assert all(event.startswith(b"data: ") and b"\n" not in event for event in events), self.raw
        return [msgspec.json.decode(event[6:]) for event in events if event != b"data: [DONE]"]

    @property
    def text(self) -> str:
        """What the model said."""
        return "".join(_piece(frame) for frame in self.frames)

    @property
    def complete(self) -> bool:
        """Whether the answer says of itself that it is complete."""
        frames = self.frames
        if self.dialect == "ollama":
            return any(frame.get("done") is True for frame in frames)
        if self.stream and self.status < 400:
            return b"[DONE]" in self.raw
        return any(choice.get("finish_reason") for frame in frames for choice in frame.get("choices", []))

    @property
    def error(self) -> str:
        """The one error, which must be the last frame and in the dialect's form."""
        frames = self.frames
        assert ["error" in frame for frame in frames] == [False] * (len(frames) - 1) + [True], self.raw
        error = frames[-1]["error"]
        if self.dialect == "ollama":
            assert isinstance(error, str)
            return error
        assert {"message", "type", "param", "code"} == set(error), error
        return str(error["message"])

    def must_be_from(self, node: str) -> None:
        """A good answer of the fake that is named as its node, complete."""
        assert self.status == 200, (self.status, self.raw)
        assert self.complete, self.raw
        assert self.text.startswith(f"{node} says hello"), self.raw
        assert self.node == node


def _piece(frame: dict[str, Any]) -> str:
    if "message" in frame:
        return str(frame["message"]["content"])
    for choice in frame.get("choices", []):
        return str((choice.get("message") or choice.get("delta") or {}).get("content") or "")
    return ""


async def ask(
    herd: Herd,
    dialect: Dialect = "ollama",
    *,
    stream: bool = False,
    model: str = "m",
    call_id: str = "",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One chat, read to its end. Raises what aiohttp raises where the connection breaks."""
    named = {"X-Request-Id": call_id} if call_id else {}
    url, fields = herd.address + PATHS[dialect], body(model, stream=stream)
    async with herd.session.post(url, json=fields, headers={**named, **(headers or {})}) as response:
        return Reply(dialect, stream, response.status, response.headers, await response.read())


class Streaming:
    """A streamed chat that has begun; the rest is read later."""

    def __init__(self, dialect: Dialect, response: aiohttp.ClientResponse, first: bytes) -> None:
        self.node = response.headers["X-Fleet-Node"]
        self._dialect = dialect
        self._response = response
        self._first = first

    @classmethod
    async def begin(cls, herd: Herd, dialect: Dialect = "ollama", *, model: str = "m") -> "Streaming":
        """Returns with the first bytes."""
        url = herd.address + PATHS[dialect]
        response = await herd.session.post(url, json=body(model, stream=True))
        return cls(dialect, response, await response.content.readany())

    async def rest(self) -> Reply:
        """The whole answer."""
        raw = self._first + await self._response.read()
        return Reply(self._dialect, True, self._response.status, self._response.headers, raw)

    def abort(self) -> None:
        """Closes the connection."""
        self._response.close()


async def together(*calls: Awaitable[Reply]) -> list[Reply]:
    """All at once."""
    return list(await asyncio.gather(*calls))
