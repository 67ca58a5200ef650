"""How long a program lives: until it is told to stop, or until the program that started it is gone."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from shared.serving import cancelled


async def told_to_stop(*, with_parent: bool, unless: asyncio.Task[None] | None = None) -> str:
    """Waits for SIGINT or SIGTERM; with `with_parent` also for the end of standard input.

    A parent that holds the other end of standard input takes its children with it, even when it is killed.
    Answers what ended the wait, for the log. Raises what `unless` raises: a task without which there is no program.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str] = loop.create_future()

    def end(why: str) -> None:
        if not ended.done():
            ended.set_result(why)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, end, signal.Signals(number).name)
        except NotImplementedError:  # Windows: the interpreter's own handler, handed over to the loop
            signal.signal(
                number, lambda got, _frame: loop.call_soon_threadsafe(end, signal.Signals(got).name)
            )
    if with_parent:
        threading.Thread(target=_watch_stdin, args=(loop, end), daemon=True, name="parent-watch").start()
    if unless is not None:
        waiting: set[asyncio.Future[Any]] = {ended, unless}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if unless.done():
            unless.result()
            raise RuntimeError(f"{unless.get_name()} ended by itself")
    return await ended


def let_go_of_terminal() -> None:
    """What a terminal that was closed does not take any more is dropped: else the interpreter ends with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of a file
                os.dup2(nowhere.fileno(), stream.fileno())


@asynccontextmanager
async def hangups(reload: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Within the block: `reload` at each SIGHUP, one after the other.

    A terminal that is closed says SIGHUP too: a program that was started in one is told to stop then, unless it was
    started to outlive that (nohup).
    """
    if sys.platform == "win32":
        yield
        return
    ends_with_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    heard, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, heard.set)
    heeding = asyncio.create_task(_each(heard, reload, ends_with_terminal=ends_with_terminal), name="hangups")
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        await cancelled(heeding)


async def _each(
    heard: asyncio.Event, reload: Callable[[], Awaitable[None]], *, ends_with_terminal: bool
) -> None:
    while True:
        await heard.wait()
        heard.clear()
        if ends_with_terminal and not _has_terminal():
            signal.raise_signal(signal.SIGTERM)
        else:
            await reload()


def _has_terminal() -> bool:
    """Whether a terminal controls this process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _watch_stdin(loop: asyncio.AbstractEventLoop, end: Callable[[str], None]) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would still be held when the interpreter ends
        pass
    with contextlib.suppress(RuntimeError):  # the loop may be closed already: then nobody waits
        loop.call_soon_threadsafe(end, "the parent has gone")
