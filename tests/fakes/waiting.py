"""Waiting for what must come true soon."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], object | Awaitable[object]], timeout_s: float = 5.0, every_s: float = 0.02
) -> None:
    """Returns once `condition` gives something true; past `timeout_s` fails with what it gave last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        if loop.time() >= deadline:
            raise AssertionError(f"not true within {timeout_s} s: {_described(condition)} gave {value!r}")
        await asyncio.sleep(every_s)


def _described(condition: Callable[[], object]) -> str:
    """The source line of the condition where it is known, else its name."""
    try:
        lines, number = inspect.getsourcelines(condition)
    except (OSError, TypeError):
        return repr(condition)
    return f"`{lines[0].strip()}` (line {number})"
