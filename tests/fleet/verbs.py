"""Verbs of either program, run as a person would: a process of its own, its exit code and what it said."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests.fleet.harness import REPOSITORY

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})


class Said(NamedTuple):
    """What a verb left: exit code, data, talk."""

    code: int
    out: str
    err: str


def _heeds_ctrl_c() -> None:
    """Where the tests themselves run in the background, it is ignored, and a child would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Verb:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(
        cls, module: str, *arguments: str, environment: Mapping[str, str] = NOTHING_MORE
    ) -> "Verb":
        """`module`: coordinator or agent; `environment`: what is set beside ours."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            cwd=REPOSITORY,
            env={**_environment(), **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_heeds_ctrl_c,
        )
        return cls(process)

    async def first_line(self) -> str:
        """Of its talk."""
        assert self._process.stderr is not None
        return (await self._process.stderr.readline()).decode()

    async def line(self) -> str:
        """The next one of its data."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode()

    def interrupt(self) -> None:
        """As ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    async def ended(self, stdin: str = "") -> Said:
        """Waits for its end. `stdin`: what it is given to read."""
        out, err = await self._process.communicate(stdin.encode())
        return Said(self._process.returncode or 0, out.decode(), err.decode())


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "OLLAMA_"))}
    nowhere = str(Path(tempfile.gettempdir()) / "herd-tests-have-no-env-file")
    return kept | {"FLEET_MDNS": "false", "FLEET_ENV_FILE": nowhere, "FLEET_CONFIG_FILE": os.devnull}


async def verb(
    module: str, *arguments: str, stdin: str = "", environment: Mapping[str, str] = NOTHING_MORE
) -> Said:
    """From its start to its end."""
    return await (await Verb.begin(module, *arguments, environment=environment)).ended(stdin)
