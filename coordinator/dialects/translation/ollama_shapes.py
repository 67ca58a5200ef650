"""What is read of an Ollama's answers. Other fields are passed over."""

from msgspec import Raw, Struct

from coordinator.dialects.body import ABSENT
from coordinator.dialects.translation.openai_shapes import Logprob


class Function(Struct):
    """A tool call's name, and its arguments as the engine spelled them."""

    name: str
    arguments: Raw = ABSENT


class ToolCall(Struct):
    """A tool call, always whole."""

    function: Function
    id: str | None = None


class Message(Struct):
    """What was said, or a piece of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class Answer(Struct):
    """Of /api/chat or /api/generate: whole, or a line of a stream."""

    message: Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    logprobs: list[Logprob] | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Raw = ABSENT

    @property
    def said(self) -> Message:
        """Wherever this kind of answer has it."""
        return self.message or Message(self.response, self.thinking)


class Embeddings(Struct):
    """Of /api/embed; numbers keep the engine's spelling."""

    embeddings: list[Raw]
    prompt_eval_count: int | None = None
