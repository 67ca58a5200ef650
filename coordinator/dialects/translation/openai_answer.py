"""Ollama's own answer in OpenAI's words: the other side of openai_request."""

import base64
import itertools
import struct
import time
import uuid
from typing import Any

import msgspec

from coordinator.dialects.body import given
from coordinator.dialects.translation.frame_by_frame import FrameByFrame, WholeOnly, decoded
from coordinator.dialects.translation.ollama_shapes import Answer, Embeddings, Message, ToolCall
from coordinator.dialects.translation.openai_shapes import Logprob
from coordinator.engine_faults import engine_error_text
from shared.errors import NodeFailure, StreamBroken
from shared.frames import lines

FINGERPRINT = "fp_ollama"
"""What Ollama's own /v1 says."""


class GenerationDecoder(FrameByFrame):
    """Ollama's chat or generate objects -> chat.completion or text_completion, whole or in chunks."""

    def __init__(self, model: str, *, chat: bool, include_usage: bool, frame_limit: int) -> None:
        """`model`: the name to answer with; `include_usage`: whether a stream ends with the usage."""
        super().__init__()
        self._chat = chat
        self._include_usage = include_usage
        self._lines = lines(frame_limit)
        self._kind = "chat.completion" if chat else "text_completion"
        self._head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": FINGERPRINT,
        }
        self._tools = itertools.count()
        self._offset = 0
        self._called = False
        self._begun = False
        self._over = False

    def whole(self, body: bytes) -> bytes:
        """One complete answer. Raises NodeFailure where it is none."""
        answer = decoded(body, Answer)
        if given(answer.error) or not answer.done:
            raise NodeFailure("the engine's answer is not complete", said=_said(answer, body))
        choice: dict[str, Any] = {"index": 0}
        if self._chat:
            choice["message"] = {"role": "assistant", "content": "", "refusal": None} | self._pieces(
                answer.said
            )
            for call in choice["message"].get("tool_calls", []):
                del call["index"]
        else:
            choice["text"] = answer.said.content or ""
        choice |= {"logprobs": self._logprobs(answer), "finish_reason": self._reason(answer)}
        return msgspec.json.encode(
            {"object": self._kind, **self._head, "choices": [choice], "usage": _usage(answer)}
        )

    def finish(self) -> bytes:
        """What came without an end of line. Raises StreamBroken where no `done` came."""
        self._check_unbroken()
        out = self._translated(self._lines.rest())
        if not self._over:
            raise StreamBroken("the engine ended its answer before it was complete")
        return out

    def ends(self) -> tuple[bytes, ...]:
        """The last line: it has the counts."""
        return (self._lines.last,)

    def _frames_in(self, chunk: bytes) -> list[bytes]:
        return self._lines.feed(chunk).split(b"\n")

    def _translated(self, frame: bytes) -> bytes:
        if not frame.strip() or self._over:
            return b""
        answer = decoded(frame, Answer)
        if given(answer.error):
            raise StreamBroken("the engine broke off its answer", said=engine_error_text(frame))
        return self._said(answer) + (self._end(answer) if answer.done else b"")

    def _said(self, answer: Answer) -> bytes:
        if not self._chat:
            text = answer.said.content
            if not text:
                return b""
            return self._event({"text": text, "logprobs": self._logprobs(answer), "finish_reason": None})
        pieces = self._pieces(answer.said)
        opening = b"" if self._begun else self._delta({"role": "assistant", "content": ""})
        self._begun = True
        return opening + (self._delta(pieces, self._logprobs(answer)) if pieces else b"")

    def _end(self, answer: Answer) -> bytes:
        self._over = True
        last: dict[str, Any] = {"delta": {}} if self._chat else {"text": ""}
        out = self._event(last | {"logprobs": None, "finish_reason": self._reason(answer)})
        if self._include_usage:
            out += self._chunk([], _usage(answer))
        return out + b"data: [DONE]\n\n"

    def _pieces(self, said: Message) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if said.thinking:
            made["reasoning"] = said.thinking
        if said.content:
            made["content"] = said.content
        if said.tool_calls:
            self._called = True
            made["tool_calls"] = [_tool_call(next(self._tools), call) for call in said.tool_calls]
        return made

    def _reason(self, answer: Answer) -> str:
        if answer.done_reason == "length":
            return "length"
        return "tool_calls" if self._called else "stop"

    def _delta(self, delta: dict[str, Any], logprobs: Any = None) -> bytes:
        return self._event({"delta": delta, "logprobs": logprobs, "finish_reason": None})

    def _event(self, choice: dict[str, Any]) -> bytes:
        return self._chunk([{"index": 0} | choice], None)

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> bytes:
        """`usage` is null in every chunk but the last, where it was asked for."""
        kind = "chat.completion.chunk" if self._chat else self._kind
        body: dict[str, Any] = {"object": kind, **self._head, "choices": choices}
        if self._include_usage:
            body["usage"] = usage
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    def _logprobs(self, answer: Answer) -> dict[str, Any] | None:
        if not answer.logprobs:
            return None
        if self._chat:
            return {"content": [_entry(each) for each in answer.logprobs], "refusal": None}
        return self._old_logprobs(answer.logprobs)

    def _old_logprobs(self, entries: list[Logprob]) -> dict[str, Any]:
        """Of a completion: lists side by side; offsets count the answer's characters."""
        made: dict[str, list[Any]] = {
            "tokens": [each.token for each in entries],
            "token_logprobs": [each.logprob for each in entries],
            "top_logprobs": [{other.token: other.logprob for other in each.top_logprobs} for each in entries],
            "text_offset": [],
        }
        for each in entries:
            made["text_offset"].append(self._offset)
            self._offset += len(each.token)
        return made


class EmbeddingDecoder(WholeOnly):
    """/api/embed -> /v1/embeddings."""

    def __init__(self, model: str, *, packed: bool) -> None:
        """`packed`: vectors as base64 of 32-bit floats, little end first."""
        self._model = model
        self._packed = packed

    def whole(self, body: bytes) -> bytes:
        """Numbers keep the engine's spelling, unless they are packed."""
        answer = decoded(body, Embeddings)
        vectors: list[Any] = [_packed(each) if self._packed else each for each in answer.embeddings]
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        tokens = answer.prompt_eval_count or 0
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return msgspec.json.encode({"object": "list", "data": data, "model": self._model, "usage": usage})


def _said(answer: Answer, body: bytes) -> str:
    return engine_error_text(body) if given(answer.error) else ""


def _tool_call(index: int, call: ToolCall) -> dict[str, Any]:
    try:
        arguments = bytes(call.function.arguments).decode() if given(call.function.arguments) else "{}"
    except UnicodeDecodeError as error:
        raise NodeFailure("the engine's tool call is not UTF-8") from error
    return {
        "index": index,
        "id": call.id or f"call_{uuid.uuid4().hex}",
        "type": "function",
        "function": {"name": call.function.name, "arguments": arguments},
    }


def _entry(given_by: Logprob) -> dict[str, Any]:
    """OpenAI's clients expect every field."""
    others = [
        {"token": each.token, "logprob": each.logprob, "bytes": each.bytes} for each in given_by.top_logprobs
    ]
    return {
        "token": given_by.token,
        "logprob": given_by.logprob,
        "bytes": given_by.bytes,
        "top_logprobs": others,
    }


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.prompt_eval_count or 0, answer.eval_count or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _packed(vector: msgspec.Raw) -> str:
    values = decoded(bytes(vector), list[float])
    try:
        return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    except OverflowError as error:
        raise NodeFailure("the engine's vector does not fit into 32-bit floats") from error
