"""What systemd is told of a program that it started (sd_notify): that it is ready, reloads, stops."""

import contextlib
import os
import socket
import sys
import time
from typing import Literal

State = Literal["READY", "RELOADING", "STOPPING"]


def notify(state: State, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> None:
    """Says it where somebody listens (NOTIFY_SOCKET); never blocks, never fails."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address or sys.platform == "win32":
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"  # an abstract socket
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        out.sendto(message(state, time.clock_gettime_ns(time.CLOCK_MONOTONIC)), address)


def message(state: State, now_ns: int) -> bytes:
    """The datagram; systemd matches the end of a reload with its beginning by the time."""
    further = f"\nMONOTONIC_USEC={now_ns // 1000}" if state == "RELOADING" else ""
    return f"{state}=1{further}".encode()
