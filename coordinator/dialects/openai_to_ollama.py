"""An OpenAI engine's answer in Ollama's words: the other side of ollama_to_openai."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from coordinator.dialects.body import decode_any
from coordinator.dialects.frames import events
from coordinator.forward import engine_error_text
from shared.errors import CallerFault, NodeFailure, StreamBroken

NANOSECONDS_A_MS = 1_000_000


class GenerationDecoder:
    """chat.completion or text_completion -> Ollama's chat or generate objects."""

    def __init__(self, model: str, *, chat: bool, frame_limit: int) -> None:
        """`model`: the name to answer with."""
        self._model = model
        self._chat = chat
        self._started_ns = time.monotonic_ns()
        self._frames = events(frame_limit)
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}
        self._finish: str | None = None
        self._tools: dict[int, dict[str, Any]] = {}
        self._over = False

    def whole(self, body: bytes) -> bytes:
        """One complete answer."""
        answer = _decoded(body)
        try:
            choice = answer["choices"][0]
            message = choice.get("message") or {"content": choice.get("text")}
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise NodeFailure("the engine's answer has no choices") from error
        self._note(answer, choice)
        for index, call in enumerate(message.get("tool_calls") or []):
            self._tools[index] = call["function"]
        return msgspec.json.encode(
            self._object(message.get("content"), message.get("reasoning_content"), choice.get("logprobs"))
            | self._end()
        )

    def feed(self, chunk: bytes) -> bytes:
        """Lines for the whole events in it."""
        return b"".join(
            self._event(event) for event in self._frames.feed(chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        )

    def finish(self) -> bytes:
        """The last line, where the engine sent no [DONE]."""
        out = self._event(self._frames.rest())
        if self._over:
            return out
        if self._finish is None:
            raise StreamBroken("the engine ended its answer before it was complete")
        return out + self._last_line()

    def _event(self, event: bytes) -> bytes:
        data = b"".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        if not data:
            return b""
        if data == b"[DONE]":
            return self._last_line() if self._finish is not None and not self._over else b""
        answer = _decoded(data)
        if "error" in answer:
            raise StreamBroken(engine_error_text(data))
        choices = answer.get("choices") or [{}]
        self._note(answer, choices[0])
        delta = choices[0].get("delta") or {"content": choices[0].get("text")}
        for call in delta.get("tool_calls") or []:
            self._gather(call)
        content, thinking = delta.get("content"), delta.get("reasoning_content")
        if not content and not thinking:
            return b""
        return _line(self._object(content, thinking, choices[0].get("logprobs")) | {"done": False})

    def _note(self, answer: dict[str, Any], choice: dict[str, Any]) -> None:
        self._usage = answer.get("usage") or self._usage
        self._timings = answer.get("timings") or self._timings
        self._finish = choice.get("finish_reason") or self._finish

    def _gather(self, call: dict[str, Any]) -> None:
        """Arguments come in pieces; Ollama gives a call whole."""
        known = self._tools.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
        function = call.get("function") or {}
        known["name"] += function.get("name") or ""
        known["arguments"] += function.get("arguments") or ""

    def _last_line(self) -> bytes:
        self._over = True
        lines = b""
        if self._tools:
            lines = _line(self._object("", None, None) | {"done": False})
            self._tools = {}
        return lines + _line(self._object("", None, None) | self._end())

    def _object(self, content: str | None, thinking: str | None, logprobs: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"model": self._model, "created_at": _now()}
        if self._chat:
            message: dict[str, Any] = {"role": "assistant", "content": content or ""}
            if thinking:
                message["thinking"] = thinking
            if self._tools:
                message["tool_calls"] = [_tool_call(call) for _, call in sorted(self._tools.items())]
            made["message"] = message
        else:
            made["response"] = content or ""
            if thinking:
                made["thinking"] = thinking
        if isinstance(logprobs, dict) and logprobs.get("content"):
            made["logprobs"] = logprobs["content"]
        return made

    def _end(self) -> dict[str, Any]:
        prompt_ms, eval_ms = self._timings.get("prompt_ms", 0), self._timings.get("predicted_ms", 0)
        return {
            "done": True,
            "done_reason": "length" if self._finish == "length" else "stop",
            "total_duration": time.monotonic_ns() - self._started_ns,
            "load_duration": 0,
            "prompt_eval_count": self._usage.get("prompt_tokens", 0),
            "prompt_eval_duration": int(prompt_ms * NANOSECONDS_A_MS),
            "eval_count": self._usage.get("completion_tokens", 0),
            "eval_duration": int(eval_ms * NANOSECONDS_A_MS),
        }


class EmbeddingDecoder:
    """/v1/embeddings -> /api/embed, or the older /api/embeddings with `single`."""

    def __init__(self, model: str, *, single: bool) -> None:
        self._model = model
        self._single = single
        self._started_ns = time.monotonic_ns()

    def whole(self, body: bytes) -> bytes:
        """Numbers keep the engine's spelling."""
        try:
            answer = msgspec.json.decode(body, type=_Embeddings)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NodeFailure("the engine's answer has no embeddings") from error
        vectors = [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
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

    def feed(self, _chunk: bytes) -> bytes:
        """Embeddings do not stream."""
        raise NodeFailure("the engine streamed embeddings")

    def finish(self) -> bytes:
        """Embeddings do not stream."""
        return b""


class LoadDecoder:
    """A call without a prompt asks to load the model; this engine has it loaded for good."""

    def __init__(self, model: str, *, chat: bool) -> None:
        self._model = model
        self._chat = chat

    def whole(self, _body: bytes) -> bytes:
        """As Ollama answers once a model is loaded."""
        answer = {"message": {"role": "assistant", "content": ""}} if self._chat else {"response": ""}
        return msgspec.json.encode(
            {"model": self._model, "created_at": _now(), **answer, "done": True, "done_reason": "load"}
        )

    def feed(self, _chunk: bytes) -> bytes:
        """Nothing of the engine's own answer is shown."""
        return b""

    def finish(self) -> bytes:
        """One line."""
        return self.whole(b"") + b"\n"


class _Vector(msgspec.Struct, frozen=True):
    embedding: Raw
    index: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Embeddings(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage = _Usage()


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments") or "{}"
    try:
        decoded = msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        decoded = {"raw": arguments}  # cut off by max_tokens: shown rather than lost
    return {"function": {"name": call.get("name", ""), "arguments": decoded}}


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        answer = decode_any(body)
    except CallerFault as error:
        raise NodeFailure("the engine's answer is not JSON") from error
    if not isinstance(answer, dict):
        raise NodeFailure("the engine's answer is not an object")
    return answer


def _line(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
