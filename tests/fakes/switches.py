"""The fault and shape switches of the fake engine, as one typed record."""

from typing import Any

import msgspec

CAPABILITIES = ("completion", "tools", "thinking", "embedding")


class Switches(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything a test can change while the fake runs.

    A chunk is one NDJSON line or one SSE event, the role delta and the final object included.
    Faults hit inference calls; with `fail_paths` they hit every call on exactly those paths instead.
    """

    # Faults before the first byte of an answer.
    fail_status: int | None = None
    reset_before: bool = False
    busy_503: bool = False
    hang: bool = False
    # A call whose body has this text in it ends the engine's process.
    die_on: str | None = None
    # Faults inside an answer, after so many chunks; a plain JSON answer is cut in its middle.
    reset_after_chunks: int | None = None
    close_after_chunks: int | None = None
    error_after_chunks: int | None = None
    hang_after_chunks: int | None = None
    cut_mid_line: bool = False
    # Which calls a fault hits; `fail_first_n` without any fault means status 500.
    fail_first_n: int | None = None
    fail_paths: list[str] | None = None
    # What it says that it is, and what the lists say.
    version: str = "0.30.0"
    wrong_sizes: int | None = None
    garbage_tags: bool = False
    models: list[str] = []
    loaded: list[str] = []
    context_length: int = 4096
    max_context: int = 8192
    # With it, a call loads a model anew whose num_ctx (or this, where it names none) is another than the loaded one,
    # and prompts that are longer than the context are cut, or refused by `truncate: false`. A word is a token.
    default_context: int | None = None
    capabilities: list[str] = msgspec.field(default_factory=lambda: list(CAPABILITIES))
    # Whether it speaks OpenAI's dialect too; without, everything under /v1 is 404.
    openai: bool = True
    # What becomes of a pull: its bytes, the pause before each line, and an error in its middle.
    pull_bytes: int = 1 << 20
    pull_delay_s: float = 0.0
    pull_error: str | None = None
    # Models of which the registry has a newer version: a pull gives them another digest.
    newer: list[str] = []
    # How much is answered, and how fast.
    slots: int = 1
    tokens: int = 5
    token_delay_s: float = 0.0
    first_token_delay_s: float = 0.0
    # Part by which each call beside it makes the pauses of a stream longer.
    crowding: float = 0.0
    # What is left of streams that have begun comes without further pauses.
    hurry: bool = False
    # How long a chat waits for a model that is not loaded.
    load_s: float = 0.0


def merged(current: Switches, defaults: Switches, patch: dict[str, Any]) -> Switches:
    """`current` with `patch` laid over it; null goes back to the default, an unknown name is refused."""
    values = msgspec.to_builtins(current)
    at_start = msgspec.to_builtins(defaults)
    for key, value in patch.items():
        values[key] = at_start.get(key) if value is None else value
    return msgspec.convert(values, Switches)
