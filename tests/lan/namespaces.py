"""Network namespaces without names: each is held by a process of ours and goes with it. Linux, as root or not."""

import asyncio
import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Self

_HOLDER = Path(__file__).with_name("inside.py")
_START_S = 20.0
_TOOLS = ("ip", "unshare", "nsenter")


@functools.cache
def why_not() -> str:
    """Why no namespace can be made here; empty where one can."""
    if missing := [tool for tool in _TOOLS if not shutil.which(tool)]:
        return f"no program {' and no '.join(missing)} (Debian and Ubuntu: apt install iproute2 util-linux)"
    attempt = (
        "ip link add name bridge0 type bridge && ip link add name veth0 type veth peer name veth1"
        " && ip link set veth0 master bridge0"
    )
    tried = subprocess.run(
        [*_unshare(None), "sh", "-c", attempt], capture_output=True, text=True, check=False, timeout=_START_S
    )
    return "" if tried.returncode == 0 else f"no network namespace can be made: {tried.stderr.strip()}"


def _unshare(ground: int | None) -> list[str]:
    """The command before a command that is to have namespaces of its own.

    Somebody who is not root gets there by a user namespace; all namespaces of one lab must be in the same one,
    that of the process `ground`, or no cable could lead from one to another.
    """
    own = ["unshare", "--net", "--uts"]
    if os.geteuid() == 0:
        return own
    if ground is None:
        return [*own, "--user", "--map-root-user"]
    return [*_nsenter(ground, "--user"), *own]


def _nsenter(pid: int, *which: str) -> list[str]:
    root = os.geteuid() == 0
    kinds = [kind for kind in which if not (root and kind == "--user")]
    return ["nsenter", *(() if root else ("--preserve-credentials",)), "--target", str(pid), *kinds, "--"]


class Namespace:
    """A network (and a host name) of its own; make it with `async with Namespace.held(...)`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.name = name
        self.pid = process.pid
        """Of the process that holds it."""
        self.identity = Path(f"/proc/{self.pid}/ns/net").readlink()
        self._line = line

    @classmethod
    @contextlib.asynccontextmanager
    async def held(cls, name: str, ground: int | None = None) -> AsyncIterator[Self]:
        """A new one, with loopback up, until the block ends. `ground`: `pid` of the first one of the lab."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                ours.settimeout(_START_S)
                process = await asyncio.create_subprocess_exec(
                    *_unshare(ground),
                    *(sys.executable, "-I", "-S", str(_HOLDER), name, str(theirs.fileno())),
                    pass_fds=[theirs.fileno()],
                )
            try:
                assert await asyncio.to_thread(ours.recv, 64) == b"ready", f"no namespace for {name}"
                made = cls(name, process, ours)
                await made.ip("link set lo up")
                yield made
            finally:
                with contextlib.suppress(OSError):  # the holder may be gone already
                    ours.shutdown(socket.SHUT_RDWR)
                await process.wait()

    @property
    def enter(self) -> list[str]:
        """The command before a command that is to run in here."""
        return _nsenter(self.pid, "--user", "--net", "--uts")

    async def ip(self, *commands: str) -> None:
        """Runs `ip COMMAND` for each, in here. Raises AssertionError with what it says, where one fails."""
        await self.run("ip", "-batch", "-", said="\n".join(commands) + "\n")

    async def shown(self, what: str) -> list[dict[str, Any]]:
        """What `ip WHAT show` knows of each interface, in here."""
        found: list[dict[str, Any]] = json.loads(await self.run("ip", "-json", what, "show"))
        return [entry for entry in found if entry]

    async def run(self, *command: str, said: str = "") -> str:
        """What a short command writes, in here. Raises AssertionError with its errors, where it fails."""
        process = await asyncio.create_subprocess_exec(
            *self.enter,
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate(said.encode())
        assert process.returncode == 0, f"{self.name}: {' '.join(command)}: {said}{errors.decode()}"
        return out.decode()

    def socket(self, address: Sequence[Any]) -> socket.socket:
        """A socket of in here; `address` as getaddrinfo gives it, of which family and kind are read."""
        self._line.send(f"{int(address[0])} {int(address[1])}".encode())
        answer, lent, *_ = socket.recv_fds(self._line, 1024, 1)
        if not lent:
            raise OSError(f"{self.name}: {answer.decode()}")
        return socket.socket(fileno=lent[0])
