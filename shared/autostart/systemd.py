"""Units of systemd: the system's as they are in `units/`, and what of them a user's own systemd can do. Pure."""

from collections.abc import Iterable
from pathlib import Path

from shared.autostart.installation import Installation

PROGRAM = "@PROGRAM@"
"""Stands for the command in a unit of `units/`."""
NO_SESSION = (
    "your own systemd runs only in a session of yours: log in as yourself (not by su or sudo), or have it run without"
    ' one: sudo loginctl enable-linger "$(id -un)"'
)
SYSTEM_DIRECTORY = Path("/etc/systemd/system")

_FOR_USERS = frozenset(
    {
        *("Description", "StartLimitIntervalSec", "Type", "NotifyAccess", "ExecStart", "ExecReload"),
        *(
            "Restart",
            "RestartSec",
            "RestartPreventExitStatus",
            "KillMode",
            "TimeoutStopSec",
            "StandardOutput",
        ),
        *(
            "StandardError",
            "SyslogIdentifier",
            "UMask",
            "NoNewPrivileges",
            "RestrictSUIDSGID",
            "RestrictNamespaces",
        ),
        *("RestrictRealtime", "LockPersonality", "MemoryDenyWriteExecute", "RestrictAddressFamilies"),
        *(
            "SystemCallArchitectures",
            "SystemCallFilter",
            "SystemCallErrorNumber",
            "LimitNOFILE",
            "LimitMEMLOCK",
        ),
    }
)
"""What a systemd without privileges can do; the rest needs namespaces, users or cgroups of the system."""


def of_system(unit: str, program: str, command: Iterable[str]) -> Installation:
    """`unit`: its text, with PROGRAM where the command goes."""
    return _installation(program, SYSTEM_DIRECTORY, unit.replace(PROGRAM, quoted(command)), ())


def of_user(unit: str, program: str, command: Iterable[str], directory: Path) -> Installation:
    """`directory`: where this user's systemd looks for units."""
    header = f"# Written by `{program} service install`. Data and logs: ~/.fleet-manager\n"
    lines = [
        line for line in unit.splitlines() if line.startswith("[") or line.partition("=")[0] in _FOR_USERS
    ]
    text = (
        "\n".join([*lines, "WantedBy=default.target"])
        .replace("\n[", "\n\n[")
        .replace(PROGRAM, quoted(command))
    )
    if program == "herd-node":
        text = text.replace("\nStartLimit", "\nAfter=herd.service\nStartLimit", 1)
    hints = ("it ends when you log out, unless lingering is on: loginctl enable-linger",)
    return _installation(program, directory, header + text + "\n", ("--user",), hints)


def _installation(
    program: str, directory: Path, content: str, whose: tuple[str, ...], hints: tuple[str, ...] = ()
) -> Installation:
    control = ("systemctl", *whose)
    log = ("journalctl", *whose, "--unit" if not whose else "--user-unit", program)
    return Installation(
        program=program,
        name=f"{program}.service",
        path=directory / f"{program}.service",
        content=content,
        reload=(*control, "daemon-reload"),
        start=(*control, "enable", "--now", program),
        stop=(*control, "disable", "--now", program),
        restart=(*control, "restart", program),
        running=(*control, "is-active", "--quiet", program),
        hints=(*hints, f"its log: {' '.join(log)}"),
        unheard=NO_SESSION if whose else "",
        sees_no_homes=not whose,
    )


def quoted(command: Iterable[str]) -> str:
    """As ExecStart wants it: nothing in it is a variable, a specifier or the end of a word."""
    return " ".join(_quoted(part) for part in command)


def _quoted(part: str) -> str:
    plain = part.replace("%", "%%").replace("$", "$$")
    if not any(character in " \t\n\\\"';" for character in plain):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
