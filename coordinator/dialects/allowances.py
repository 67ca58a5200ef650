"""What a caller allows: substitutes by body `fallback` and header X-Fleet-No-Fallback, restricted engines by body
`allow_restricted` and header X-Fleet-Allow.
"""

from msgspec import Raw

from coordinator.core.call import Priority
from coordinator.core.eligibility import ANY
from shared.errors import CallerFault

HEADER = "X-Fleet-No-Fallback"
ALLOW = "X-Fleet-Allow"
FIELDS = ("fallback_models", "fallback", "allow_restricted")
"""Of the body; they are taken out before an engine sees it."""

_WORDS = {"true": True, "1": True, "false": False, "0": False}
_RESTRICTIONS = (ANY, "cost", "batch")
_NONE: frozenset[str] = frozenset()
_EVERY, _BATCH = frozenset({ANY}), frozenset({"batch"})
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


def allows(field: bool | None, header: str | None, priority: Priority, *, by_fleet: bool) -> frozenset[str]:
    """Restrictions of engines that the call accepts. What header and field leave open, fleet and class say: calls that
    can wait may go to an engine that serves batches. Either may forbid it.

    Raises CallerFault for a header that names another restriction.
    """
    if field is False:
        return _NONE
    if header is not None:
        return _named(header)
    if field or by_fleet:
        return _EVERY
    return _NONE if priority == "interactive" else _BATCH


def _named(header: str) -> frozenset[str]:
    words = {word.strip().lower() for word in header.split(",")}
    if words == {"none"}:
        return _NONE
    if not words <= {*_RESTRICTIONS}:
        raise CallerFault(f"{ALLOW} is none, or some of {', '.join(_RESTRICTIONS)}")
    return frozenset(words)


def asks_thinking(*wishes: Raw) -> bool:
    """Whether `think`, or OpenAI's `reasoning_effort`, asks for it."""
    return any(bytes(wish) not in _NO_THINKING for wish in wishes)
