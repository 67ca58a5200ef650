"""What starting a program brings in with it. Each name here costs a tenth of a second, or megabytes at rest."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEVER = {"numpy", "sqlite_utils", "textual", "rich", "zeroconf", "pynvml", "multiprocessing", "matplotlib"}
"""For verbs and tests; for mDNS and NVML, which import theirs when they first run."""
OTHERS = {
    "coordinator": (
        "agent",
        "coordinator.simulate",
        "coordinator.top",
        "coordinator.verbs",
        "coordinator.demo",
    ),
    "agent": ("coordinator", "agent.verbs", "agent.workers", "sqlite3"),
}
"""By program: what it starts without, with all that lies under it."""
LISTED = "import sys, {}; print(*sys.modules, sep='\\n')"


def imported(module: str) -> set[str]:
    """All that a fresh interpreter has after it."""
    command = [sys.executable, "-c", LISTED.format(module)]
    return set(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


def under(names: tuple[str, ...], there: set[str]) -> set[str]:
    return {each for each in there for name in names if each == name or each.startswith(f"{name}.")}


@pytest.mark.parametrize("program", OTHERS)
def test_a_program_starts_without_what_it_may_never_need(program: str) -> None:
    there = imported(f"{program}.app")
    assert there & NEVER == set()
    assert under(OTHERS[program], there) == set()


@pytest.mark.parametrize("program", OTHERS)
def test_the_command_line_alone_brings_no_server(program: str) -> None:
    """What is wrong with a flag or a setting is told before the rest is read."""
    assert imported(f"{program}.cli") & {"aiohttp", "asyncio", "ssl", "sqlite3", f"{program}.app"} == set()
