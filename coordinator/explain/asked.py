"""Which call a body is, where no address tells: its operation and its dialect, from its fields. Pure."""

from collections.abc import Collection, Mapping
from typing import get_args

import msgspec
from msgspec import Raw, Struct

from coordinator.core.call import Operation
from coordinator.dialects.body import ABSENT
from shared.errors import CallerFault

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
BY_FIELD: dict[str, Operation] = {"messages": "chat", "prompt": "generate", "input": "embed"}
ONLY_OLLAMA = frozenset(
    {"options", "keep_alive", "format", "think", "images", "system", "template", "raw", "context", "truncate"}
)
ONLY_OPENAI = frozenset(
    {
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stop", "seed", "tool_choice"),
        *("response_format", "stream_options", "frequency_penalty", "presence_penalty", "logit_bias"),
        *("reasoning_effort", "parallel_tool_calls", "encoding_format", "functions", "function_call"),
    }
)


class _Message(Struct):
    content: Raw = ABSENT


def operation_of(fields: Collection[str], named: str = "") -> Operation:
    """`named`: what the caller says it is. Raises CallerFault where nothing tells."""
    for operation in OPERATIONS:
        if named == operation:
            return operation
    if named:
        raise CallerFault(f"operation is one of {', '.join(OPERATIONS)}")
    for field, operation in BY_FIELD.items():
        if field in fields:
            return operation
    raise CallerFault(
        "the body is no call: messages make it a chat, prompt a generate, input an embed call"
        " (or say ?operation=)"
    )


def dialect_of(fields: Mapping[str, Raw], names: list[str], named: str = "") -> str:
    """One of `names`, the first where nothing tells them apart; `fields` as they came.

    Raises CallerFault for another `named`.
    """
    if named and named not in names:
        raise CallerFault(f"dialect is one of {', '.join(names)}")
    if named:
        return named
    if not ONLY_OLLAMA & fields.keys() and (
        ONLY_OPENAI & fields.keys() or _has_parts(fields.get("messages", ABSENT))
    ):
        return "openai"
    return names[0]


def _has_parts(messages: Raw) -> bool:
    """OpenAI's way to send images: a list in place of the text."""
    try:
        found = msgspec.json.decode(messages, type=list[_Message])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # whoever reads the call will say what is wrong with it
    return any(bytes(message.content).startswith(b"[") for message in found)
