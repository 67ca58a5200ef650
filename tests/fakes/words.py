"""What the fake says: the same words for the same call, every time."""

import base64
import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.fakes.switches import Switches

_SAMPLES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}


@dataclass(frozen=True)
class Ask:
    """A call in neither dialect."""

    prompt: str
    limit: int | None = None
    json_schema: dict[str, Any] | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    think: bool = False


@dataclass(frozen=True)
class Answer:
    """What is said: words, or a call of the first tool."""

    thinking: list[str]
    words: list[str]
    tool: tuple[str, dict[str, Any]] | None
    truncated: bool
    prompt_tokens: int
    first_delay_s: float
    delay_s: float

    @property
    def text(self) -> str:
        """All words as one text."""
        return "".join(self.words)

    @property
    def count(self) -> int:
        """How many tokens were made."""
        return len(self.thinking) + len(self.words) + (self.tool is not None)

    @property
    def total_s(self) -> float:
        """How long it takes to say it all."""
        return self.first_delay_s + max(0, self.count - 1) * self.delay_s

    def delay(self, index: int) -> float:
        """The pause before the token at `index`."""
        return self.delay_s if index else self.first_delay_s


def answer(name: str, switches: Switches, ask: Ask) -> Answer:
    """The answer of the engine `name`; a tool call where tools are offered."""
    tool = _tool_call(ask.tools) if ask.tools else None
    words = [] if tool else _words(name, switches.tokens, ask.json_schema)
    truncated = ask.limit is not None and 0 < ask.limit < len(words)
    return Answer(
        thinking=[name, " thinks"] if ask.think else [],
        words=words[: ask.limit] if truncated else words,
        tool=tool,
        truncated=truncated,
        prompt_tokens=len(ask.prompt.split()),
        first_delay_s=switches.first_token_delay_s,
        delay_s=switches.token_delay_s,
    )


def _words(name: str, count: int, schema: dict[str, Any] | None) -> list[str]:
    if schema is None:
        words = [name, "says", "hello", *(str(number) for number in range(1, count))][:count]
        return [word if index == 0 else f" {word}" for index, word in enumerate(words)]
    value = sample(schema) if schema else {"name": name, "says": "hello"}
    text = msgspec.json.encode(value).decode()
    size = max(1, math.ceil(len(text) / max(1, count)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _tool_call(tools: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    function = tools[0].get("function") or {}
    arguments = sample(function.get("parameters") or {})
    return str(function.get("name", "")), arguments if isinstance(arguments, dict) else {}


def sample(schema: dict[str, Any]) -> Any:
    """A value that fits a plain JSON schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties") or {}
        return {key: sample(inner) for key, inner in properties.items()}
    return _SAMPLES.get(str(kind), "hello")


def logprob(word: str, top: int) -> dict[str, Any]:
    """The log probability entry of a token, alike in both dialects."""
    entry = {"token": word, "logprob": -0.25, "bytes": list(word.encode())}
    others = [{"token": f"{word}{number}", "logprob": -1.0 - number, "bytes": []} for number in range(1, top)]
    return entry | {"top_logprobs": [entry, *others][:top]}


def vector(text: str, dimensions: int | None = None) -> list[float]:
    """A stable embedding of a text; every component is exact in 32-bit floats."""
    raw = hashlib.shake_256(text.encode()).digest(dimensions or 8)
    return [(byte - 128) / 128 for byte in raw]


def packed(values: list[float]) -> str:
    """A vector as base64, the form that the OpenAI client asks for."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
