"""Which fault a call suffers, and the rough ways to end a connection."""

import asyncio
import socket
import struct
from typing import Literal, NamedTuple, NoReturn

from aiohttp import web

from tests.fakes.switches import Switches

BUSY = "server busy, please try again.  maximum pending requests exceeded"
MID_STREAM = "an error was encountered while running the model: fake fault"

Kind = Literal["reset", "busy", "status", "hang", "reset_after", "close_after", "error_after", "hang_after"]


class Fault(NamedTuple):
    """One fault; `value` is a status or a number of chunks."""

    kind: Kind
    value: int = 0
    mid_line: bool = False

    @property
    def early(self) -> bool:
        """True when it strikes before the first byte."""
        return self.kind in {"reset", "busy", "status", "hang"}


def chosen(switches: Switches) -> Fault | None:
    """The fault that the switches ask for; of several, the one that strikes first."""
    if switches.reset_before:
        return Fault("reset")
    if switches.busy_503:
        return Fault("busy")
    if switches.fail_status is not None:
        return Fault("status", switches.fail_status)
    if switches.hang:
        return Fault("hang")
    return _later(switches) or (Fault("status", 500) if switches.fail_first_n is not None else None)


def _later(switches: Switches) -> Fault | None:
    candidates: list[tuple[int | None, Kind]] = [
        (switches.reset_after_chunks, "reset_after"),
        (switches.close_after_chunks, "close_after"),
        (switches.error_after_chunks, "error_after"),
        (switches.hang_after_chunks, "hang_after"),
    ]
    found = [Fault(kind, count, switches.cut_mid_line) for count, kind in candidates if count is not None]
    return min(found, key=lambda fault: fault.value, default=None)


async def for_ever() -> NoReturn:
    """Waits until cancelled, which happens when the connection is gone."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


async def reset_connection(request: web.Request) -> NoReturn:
    """Ends the connection with a TCP RST."""
    if request.transport is not None:
        # With a zero linger time, close() sends RST where it would send FIN.
        linger = struct.pack("ii", 1, 0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.abort()
    await for_ever()


async def close_connection(request: web.Request) -> NoReturn:
    """Ends the connection with FIN, whatever the headers promised."""
    if request.transport is not None:
        request.transport.close()
    await for_ever()
