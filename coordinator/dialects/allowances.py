"""What a caller says of substitutes: body `fallback`, header X-Fleet-No-Fallback."""

from msgspec import Raw

from shared.errors import CallerFault

HEADER = "X-Fleet-No-Fallback"
FIELDS = ("fallback_models", "fallback")
"""Of the body; they are taken out before an engine sees it."""

_WORDS = {"true": True, "1": True, "false": False, "0": False}
_NO_THINKING = (b"", b"null", b"false", b'"none"')


def may_substitute(fallback: bool | None, header: str | None) -> bool | None:
    """Whether another model may answer instead of a cold load; None: the caller does not say. Either may forbid it.

    Raises CallerFault for a header that is neither true nor false.
    """
    if header is None:
        return fallback
    forbidden = _WORDS.get(header.strip().lower())
    if forbidden is None:
        raise CallerFault(f"{HEADER} is true or false")
    return False if forbidden else fallback


def asks_thinking(*wishes: Raw) -> bool:
    """Whether `think`, or OpenAI's `reasoning_effort`, asks for it."""
    return any(bytes(wish) not in _NO_THINKING for wish in wishes)
