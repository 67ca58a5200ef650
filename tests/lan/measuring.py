"""Limits in seconds, and what was really needed."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.fakes.waiting import eventually

Condition = Callable[[], object | Awaitable[object]]


def now() -> float:
    """Seconds of the loop's clock, as `since` takes them."""
    return asyncio.get_running_loop().time()


class Within:
    """Call it to wait for a condition. `tell` gets what was needed: words, seconds, limit."""

    def __init__(self, tell: Callable[[str, float, float], None]) -> None:
        self._tell = tell

    async def __call__(
        self, what: str, limit_s: float, condition: Condition, *, since: float | None = None
    ) -> None:
        """Fails where it does not come true within `limit_s` of `since`, or of this call."""
        began = now() if since is None else since
        await eventually(condition, max(0.0, began + limit_s - now()), 0.1)
        self.took(what, limit_s, now() - began)

    def took(self, what: str, limit_s: float, seconds: float) -> None:
        """Notes what was measured otherwise, and fails where it was too long."""
        self._tell(what, seconds, limit_s)
        # `eventually` asks once more after its deadline, and the asking itself takes time.
        assert seconds <= limit_s, f"{what}: {seconds:.1f} s, not within {limit_s:g} s"
