"""Checks of this machine for either program: port, room, clock, settings."""

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import Any

from shared.doctor.commands import started
from shared.doctor.seen import Answer, Listener, PortSeen, RoomSeen
from shared.finding import GIB, Finding, gib

DISK_LOW = 10 * GIB
"""Below it, few models fit any more."""
DISK_FULL = GIB // 2
"""Below it, traces and logs are lost soon."""
MEMORY_LOW_SHARE = 0.05
SKEW_S = 5.0
"""Clocks farther apart make logs of two machines hard to read together."""
OTHER_PORT = 100
"""Added to a port that is taken, for one that is likely free."""


def settings(problem: str, warnings: Iterable[str]) -> Iterator[Finding]:
    """settings_wrong, setting_unknown."""
    if problem:
        yield Finding(
            check_id="settings_wrong",
            severity="critical",
            title="A setting is wrong",
            description=f"{problem}. The program does not start with it.",
            fix="Correct it where it stands. What follows was looked at with the defaults.",
        )
    for each in warnings:
        yield Finding(
            check_id="setting_unknown",
            severity="warning",
            title="A setting is not known",
            description=f"{each}. It has no effect.",
            fix="Correct its name, or take it out.",
        )


def port(seen: PortSeen, given: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """port_taken. `given`: the flags of doctor."""
    if not seen.taken or seen.ours or not seen.port:
        return
    free = seen.port + OTHER_PORT if seen.port + OTHER_PORT < 65_536 else seen.port - OTHER_PORT
    yield Finding(
        check_id="port_taken",
        severity="critical",
        title=f"Port {seen.port} is taken",
        description=f"{_who(seen.listeners)} listens on it, so {seen.program} cannot.",
        fix=f"End that program, or give {seen.program} another port ({seen.setting}).",
        command=started(seen.program, given, **{seen.flag: free}),
        data={"port": seen.port, "pids": [each.pid for each in seen.listeners if each.pid]},
    )


def _who(listeners: Iterable[Listener]) -> str:
    named = dict.fromkeys(f"{each.program} (pid {each.pid})" for each in listeners if each.pid)
    return ", ".join(named) or "A program of another user"


def room(seen: RoomSeen, *, for_models: bool) -> Iterator[Finding]:
    """disk_nearly_full, memory_low. `for_models`: models are kept and loaded on this machine."""
    if seen.disk_total and seen.disk_free < (DISK_LOW if for_models else DISK_FULL):
        full = seen.disk_free < DISK_FULL
        yield Finding(
            check_id="disk_nearly_full",
            severity="critical" if full else "warning",
            title=f"{gib(seen.disk_free)} are left on the disk",
            description=f"Of {gib(seen.disk_total)} at {seen.path}. "
            + ("Traces and logs will be lost." if full else "Few models still fit."),
            fix="Delete what is not needed, models that nobody uses first.",
            command="ollama rm MODEL" if for_models else f"du -xsh {quote(seen.path)}",
            data={"free_gb": round(seen.disk_free / GIB, 1)},
        )
    if seen.memory_total and seen.memory_available < seen.memory_total * MEMORY_LOW_SHARE:
        yield Finding(
            check_id="memory_low",
            severity="warning",
            title=f"{gib(seen.memory_available)} of memory are left",
            description=f"Of {gib(seen.memory_total)}; what is beyond goes to the disk and is slow.",
            fix="See who has it, and end what is not needed.",
            command="ps aux --sort=-rss | head",
        )


def clock(who: str, answer: Answer, system: str) -> Iterator[Finding]:
    """clock_skew, against another machine. `system`: sys.platform."""
    if answer.ahead_s is None or abs(answer.ahead_s) <= SKEW_S:
        return
    where = "ahead of" if answer.ahead_s > 0 else "behind"
    command = {
        "linux": "sudo timedatectl set-ntp true",
        "darwin": "sudo sntp -sS time.apple.com",
        "win32": "w32tm /resync",
    }
    yield Finding(
        check_id="clock_skew",
        severity="warning",
        title=f"The clock of {who} is {abs(answer.ahead_s):.0f} s {where} this machine's",
        description="Logs and traces of the two do not fit together.",
        fix="Have both keep time over the network; on this machine by:",
        command=command.get(system, ""),
        data={"ahead_s": round(answer.ahead_s, 1)},
    )
