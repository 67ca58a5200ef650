"""An OpenAI engine's answer in Ollama's words: the other side of ollama_request."""

import math
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from coordinator.dialects.body import given
from coordinator.dialects.translation.frame_by_frame import FrameByFrame, WholeOnly, decoded
from coordinator.dialects.translation.openai_shapes import (
    Answer,
    Choice,
    Embeddings,
    Function,
    Logprob,
    Timings,
    ToolCall,
    Usage,
)
from coordinator.engine_faults import engine_error_text
from shared.errors import NodeFailure, StreamBroken
from shared.frames import data_of, events, split_events

NANOSECONDS_A_MS = 1_000_000


class GenerationDecoder(FrameByFrame):
    """chat.completion or text_completion -> Ollama's chat or generate objects."""

    def __init__(
        self, model: str, *, chat: bool, frame_limit: int, started_ns: int, top_logprobs: int = 0
    ) -> None:
        """`model`: the name to answer with; `started_ns`: when the call arrived, by time.monotonic_ns.

        `top_logprobs`: how many alternatives of a token were asked for; the engine may give more.
        """
        super().__init__()
        self._model = model
        self._chat = chat
        self._started_ns = started_ns
        self._frames = events(frame_limit)
        self._usage = Usage()
        self._timings = Timings()
        self._finish: str | None = None
        self._top_logprobs = top_logprobs
        self._tools: dict[int, ToolCall] = {}
        self._over = False

    def whole(self, body: bytes) -> bytes:
        """One complete answer. Raises NodeFailure where it is none."""
        answer = decoded(body, Answer)
        if not answer.choices:
            raise NodeFailure("the engine's answer has no choices")
        choice = answer.choices[0]
        self._note(answer, choice)
        return msgspec.json.encode(self._object(choice, self._take_tools()) | self._end())

    def finish(self) -> bytes:
        """The last line, where the engine sent no [DONE]. Raises StreamBroken where it ended too early."""
        self._check_unbroken()
        out = self._translated(self._frames.rest())
        if self._over:
            return out
        if self._finish is None:
            raise StreamBroken("the engine ended its answer before it was complete")
        return out + self._last_lines()

    def ends(self) -> tuple[bytes, ...]:
        """The last events: [DONE], and before it the usage."""
        return self._frames.last, self._frames.previous

    def _frames_in(self, chunk: bytes) -> list[bytes]:
        return split_events(self._frames.feed(chunk))

    def _translated(self, frame: bytes) -> bytes:
        data = data_of(frame)
        if not data:
            return b""
        if data == b"[DONE]":
            return self._last_lines() if self._finish is not None and not self._over else b""
        answer = decoded(data, Answer)
        if given(answer.error):
            raise StreamBroken("the engine broke off its answer", said=engine_error_text(data))
        choice = answer.choices[0] if answer.choices else Choice()
        self._note(answer, choice)
        if not choice.said.content and not choice.said.reasoning_content:
            return b""
        return _line(self._object(choice, []) | {"done": False})

    def _note(self, answer: Answer, choice: Choice) -> None:
        self._usage = answer.usage or self._usage
        self._timings = answer.timings or self._timings
        self._finish = choice.finish_reason or self._finish
        for number, call in enumerate(choice.said.tool_calls or []):
            self._gather(number if call.index is None else call.index, call)

    def _gather(self, index: int, piece: ToolCall) -> None:
        """Arguments come in pieces; Ollama gives a call whole."""
        known = self._tools.setdefault(index, ToolCall(function=Function()))
        known.id = known.id or piece.id
        whole, more = known.function or Function(), piece.function or Function()
        known.function = Function(
            (whole.name or "") + (more.name or ""), (whole.arguments or "") + (more.arguments or "")
        )

    def _take_tools(self) -> list[dict[str, Any]]:
        tools, self._tools = self._tools, {}
        return [_tool_call(index, call) for index, (_, call) in enumerate(sorted(tools.items()))]

    def _last_lines(self) -> bytes:
        self._over = True
        tools = self._take_tools()
        line = _line(self._object(Choice(), tools) | {"done": False}) if tools else b""
        return line + _line(self._object(Choice(), []) | self._end())

    def _object(self, choice: Choice, tools: list[dict[str, Any]]) -> dict[str, Any]:
        said = choice.said
        thinking = {"thinking": said.reasoning_content} if said.reasoning_content else {}
        made: dict[str, Any] = {"model": self._model, "created_at": _now()}
        if self._chat:
            made["message"] = {"role": "assistant", "content": said.content or ""} | thinking
            if tools:
                made["message"]["tool_calls"] = tools
        else:
            made |= {"response": said.content or ""} | thinking
        if choice.logprobs and choice.logprobs.content:
            made["logprobs"] = [self._logprob(each) for each in choice.logprobs.content]
        return made

    def _logprob(self, given: Logprob) -> Logprob:
        given.top_logprobs = given.top_logprobs[: self._top_logprobs]
        return given

    def _end(self) -> dict[str, Any]:
        return {
            "done": True,
            "done_reason": "length" if self._finish == "length" else "stop",
            "total_duration": time.monotonic_ns() - self._started_ns,
            "load_duration": 0,
            "prompt_eval_count": self._usage.prompt_tokens,
            "prompt_eval_duration": int(self._timings.prompt_ms * NANOSECONDS_A_MS),
            "eval_count": self._usage.completion_tokens,
            "eval_duration": int(self._timings.predicted_ms * NANOSECONDS_A_MS),
        }


class EmbeddingDecoder(WholeOnly):
    """/v1/embeddings -> /api/embed, or the older /api/embeddings with `single`."""

    def __init__(self, model: str, *, single: bool, started_ns: int, dimensions: int = 0) -> None:
        """`dimensions`: how long vectors shall be at most; 0: as they are."""
        self._model = model
        self._dimensions = dimensions
        self._single = single
        self._started_ns = started_ns

    def whole(self, body: bytes) -> bytes:
        """Numbers keep the engine's spelling, but for vectors that are cut."""
        answer = decoded(body, Embeddings)
        vectors: list[Any] = [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
        if self._dimensions:
            vectors = [_cut(vector, self._dimensions) for vector in vectors]
        if self._single:
            return msgspec.json.encode({"embedding": vectors[0] if vectors else []})
        return msgspec.json.encode(
            {
                "model": self._model,
                "embeddings": vectors,
                "total_duration": time.monotonic_ns() - self._started_ns,
                "load_duration": 0,
                "prompt_eval_count": answer.usage.prompt_tokens,
            }
        )


class NothingDecoder:
    """A call without a prompt or input asks for no answer: Ollama loads the model, which is loaded here for good."""

    def __init__(self, answer: dict[str, Any]) -> None:
        """`answer`: what Ollama says then, beside the model's name and the time."""
        self._answer = answer

    def whole(self, _body: bytes) -> bytes:
        """The engine's own answer only showed that it is there."""
        return msgspec.json.encode(self._answer)

    def feed(self, _chunk: bytes) -> bytes:
        """Nothing of the engine's own answer is shown."""
        return b""

    def finish(self) -> bytes:
        """One line."""
        return self.whole(b"") + b"\n"

    def ends(self) -> tuple[bytes, ...]:
        """The engine counted nothing."""
        return ()


def loaded(model: str, *, chat: bool) -> NothingDecoder:
    """For a chat without messages or a generate without a prompt."""
    answer = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
    return NothingDecoder(
        {"model": model, "created_at": _now(), **answer, "done": True, "done_reason": "load"}
    )


def no_embeddings(model: str, *, single: bool) -> NothingDecoder:
    """For an empty or missing input."""
    return NothingDecoder({"embedding": []} if single else {"model": model, "embeddings": []})


def _cut(vector: Raw, dimensions: int) -> Raw | list[float]:
    """Its first components, as long as 1 together: what Ollama does."""
    whole = decoded(bytes(vector), list[float])
    if len(whole) <= dimensions:
        return vector
    length = math.hypot(*whole[:dimensions]) or 1.0
    return [value / length for value in whole[:dimensions]]


def _tool_call(index: int, call: ToolCall) -> dict[str, Any]:
    function = call.function or Function()
    if not function.name:
        raise NodeFailure("the engine's answer has a tool call without a name")
    arguments = function.arguments or "{}"
    try:
        parsed = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        parsed = {"raw": arguments}  # cut off by max_tokens: shown rather than lost
    named = {"id": call.id} if call.id else {}
    return {**named, "function": {"index": index, "name": function.name, "arguments": parsed}}


def _line(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
