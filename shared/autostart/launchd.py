"""Property lists of launchd, for macOS. Pure."""

import plistlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.autostart.installation import Installation

STOP_S = {"herd": 30, "herd-node": 630}
"""As TimeoutStopSec in the units of systemd."""


def of_user(program: str, command: Iterable[str], home: Path, uid: int) -> Installation:
    """Started at each login."""
    log = home / "Library" / "Logs" / f"{program}.log"
    return _installation(program, command, home / "Library" / "LaunchAgents", f"gui/{uid}", log, {})


def of_system(program: str, command: Iterable[str], user: str) -> Installation:
    """Started with the machine, as `user`, in whose home its data is."""
    log = Path("/Library/Logs") / f"{program}.log"
    return _installation(program, command, Path("/Library/LaunchDaemons"), "system", log, {"UserName": user})


def _installation(
    program: str, command: Iterable[str], directory: Path, domain: str, log: Path, further: dict[str, Any]
) -> Installation:
    label = f"local.fleet-manager.{program}"
    path = directory / f"{label}.plist"
    told = {
        "Label": label,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 5,
        "ExitTimeOut": STOP_S[program],
        "ProcessType": "Interactive",  # else macOS slows down what calls wait for
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
        **further,
    }
    when = "with the machine" if domain == "system" else "at your next login"
    return Installation(
        program=program,
        name=label,
        path=path,
        content=plistlib.dumps(told).decode(),
        start=("launchctl", "bootstrap", domain, str(path)),
        stop=("launchctl", "bootout", f"{domain}/{label}"),
        restart=("launchctl", "kickstart", "-k", f"{domain}/{label}"),
        running=("launchctl", "print", f"{domain}/{label}"),
        hints=(f"it is started {when}", f"its log: {log}"),
    )
