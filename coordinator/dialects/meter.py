"""What a call of a key is counted by, from its beginning to its end, however that comes."""

import asyncio
from types import TracebackType

from coordinator.access.allowances import Allowances, Use
from coordinator.answer import Answer
from coordinator.core.call import Call
from coordinator.requests import CallerRequest


class Free:
    """Of a caller without limits. One serves all."""

    __slots__ = ()

    def answered(self, answer: Answer) -> None:
        """Nobody counts."""

    def __enter__(self) -> "Free":
        return self

    def __exit__(self, *_: object) -> None: ...


class Meter:
    """Leaving the block ends the use, once, with the tokens that the call took."""

    __slots__ = ("_answer", "_call", "_use")

    def __init__(self, use: Use, call: Call) -> None:
        self._use = use
        self._call = call
        self._answer: Answer | None = None

    def answered(self, answer: Answer) -> None:
        """An engine works on it; its tokens are known at its end."""
        self._answer = answer

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            self._use.end(self._answer.tokens_used)
        elif isinstance(error, asyncio.CancelledError):
            self._use.end(self._call.estimated_tokens)  # it may have been read: leaving early is not free
        else:
            self._use.end(0)


_FREE = Free()


def begun(allowances: Allowances, request: CallerRequest, call: Call) -> Free | Meter:
    """A call begins; the limits of its key, if it has one, are told in whatever its answer is.

    Raises LimitReached.
    """
    principal = request.principal
    if not principal.key_id:
        return _FREE
    try:
        use = allowances.begin(principal)
    finally:
        request.further = [*request.further, *allowances.headers(principal)]
    return _FREE if use is None else Meter(use, call)
