"""What becomes of one call's context on the place it was given, as a value."""

from typing import Literal

from msgspec import Struct

Mode = Literal["strip", "warn", "passthrough"]
Action = Literal["leave", "pin", "enlarge", "limit", "override", "reload", "warn"]


class Protection(Struct, frozen=True, kw_only=True):
    """Tokens throughout; None: unknown, or not said."""

    action: Action = "leave"
    """leave: the call's own words do. pin: what is loaded is said instead, so that nothing is reloaded. enlarge: the
    prompt needs more. limit: the call asks for more than the model has. override: the fleet's own choice for the model.
    reload: the call asks for more than is loaded. warn: it was not touched, and may reload the model or lose a part of
    its prompt."""
    num_ctx: int | None = None
    """To be sent in place of what the call says; None: its own words stay."""
    whole_prompt: bool = False
    """The prompt may be longer than the context: the engine is told to refuse it rather than to cut it."""
    asked: int | None = None
    loaded: int | None = None
    """Before this call."""
    context: int | None = None
    """That the call will have."""

    @property
    def changes(self) -> bool:
        """Whether the body is not sent as it came."""
        return self.num_ctx is not None or self.whole_prompt


UNTOUCHED = Protection()

UNPROTECTED = "unprotected"
_WORDS = {
    "pin": "pinned",
    "enlarge": "enlarged",
    "limit": "limited",
    "override": "override",
    "reload": "reload",
}


def describe(protection: Protection) -> str:
    """As X-Fleet-Context and `explain` say it: `pinned=8192; asked=4096`. Empty: the call was not touched."""
    words = []
    if protection.action == "warn":
        words.append(UNPROTECTED)
    elif protection.action != "leave":
        words.append(f"{_WORDS[protection.action]}={protection.num_ctx or protection.context}")
    if words and protection.asked is not None:
        words.append(f"asked={protection.asked}")
    if words and protection.action != "pin" and protection.loaded is not None:
        words.append(f"loaded={protection.loaded}")
    if protection.whole_prompt:
        words.append("truncate=false")
    return "; ".join(words)
