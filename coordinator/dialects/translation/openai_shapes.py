"""What is read of an OpenAI engine's answers. Other fields are passed over."""

from msgspec import Raw, Struct

from coordinator.dialects.body import ABSENT


class Function(Struct):
    """A tool call's name and arguments, whole or a piece."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Said(Struct):
    """A message, or a piece of one."""

    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class TokenLogprob(Struct, omit_defaults=True):
    """A token that could have been said. `bytes` of its text; numbers keep the engine's spelling."""

    token: str
    logprob: Raw
    bytes: list[int] | None = None


class Logprob(TokenLogprob, omit_defaults=True):
    """The token that was said, and the likeliest in its place."""

    top_logprobs: list[TokenLogprob] = []


class Logprobs(Struct):
    """Of the tokens said."""

    content: list[Logprob] | None = None


class Choice(Struct):
    """One of the answers; the first is read."""

    message: Said | None = None
    delta: Said | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None

    @property
    def said(self) -> Said:
        """Wherever this kind of answer has it."""
        return self.message or self.delta or Said(content=self.text)


class Usage(Struct, frozen=True):
    """Tokens, by the engine's own count."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Timings(Struct, frozen=True):
    """llama.cpp's own; in ms."""

    prompt_ms: float = 0.0
    predicted_ms: float = 0.0


class Answer(Struct):
    """A completion, or an event of a stream."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: Raw = ABSENT


class Vector(Struct, frozen=True):
    """One embedding; numbers keep the engine's spelling."""

    embedding: Raw
    index: int = 0


class Embeddings(Struct):
    """The answer of /v1/embeddings."""

    data: list[Vector]
    usage: Usage = Usage()
