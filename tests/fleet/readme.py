"""What README offers to type, and a person's shell to type it in."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.fleet.harness import READY_S, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
ELSEWHERE = "## Lines to try"
"""A section that tests/lan/test_lines_to_try.py runs, line by line."""
PROMPT = re.compile(r"^\w+\$ +")
COMMENT = re.compile(r"\s+# .*$")
PROGRAMS = {"herd": "coordinator", "herd-node": "agent"}
ENDS_S = 90.0


def commands() -> list[str]:
    """Each line of its blocks that name no language, in order; without prompts and comments."""
    text = "".join(
        part for part in re.split(r"^(?=## )", README, flags=re.M) if not part.startswith(ELSEWHERE)
    )
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for language, block in blocks if not language for line in block.splitlines() if line]
    return [COMMENT.sub("", PROMPT.sub("", line)) for line in lines]


def mentioned() -> set[str]:
    """Commands of ours between backticks in its text."""
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    return {
        each for each in re.findall(r"`([^`\n]+)`", prose) if each.split()[:1] and each.split()[0] in PROGRAMS
    }


class Printed(NamedTuple):
    """What a line left: exit code, data, talk."""

    code: int
    out: str
    err: str


class Shell:
    """bash with `herd` and `herd-node` on its path, in a directory and a home of its own."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        programs = home / "bin"
        programs.mkdir()
        for name, module in PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "OLLAMA_"))
        }
        self._home = home
        self._environment = kept | {
            "HOME": str(home),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            **environment,
        }

    async def run(self, line: str, stdin: str = "") -> Printed:
        """To its end."""
        process = await self._start(line)
        async with asyncio.timeout(ENDS_S):
            out, err = await process.communicate(stdin.encode())
        return Printed(process.returncode or 0, out.decode(), err.decode())

    async def serves(self, line: str, phrase: str) -> bool:
        """Whether a program that runs on says this when it starts; it is then ended as ctrl-C does."""
        process = await self._start(f"exec {line} 2>&1")
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                while said := (await process.stdout.readline()).decode():
                    if phrase in said:
                        return True
            return False
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await process.communicate()

    async def _start(self, line: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=self._home,
            env=self._environment,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
