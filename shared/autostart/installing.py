"""Writes and removes what `installation` says, and asks the system how it does. Nothing is started unasked."""

import contextlib
import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from shlex import quote

import shared
from shared.autostart import launchd, systemd
from shared.autostart.installation import Installation, hidden_from_system
from shared.doctor.source import installed

UNITS = Path(__file__).parent / "units"
COMMAND_TIMEOUT_S = 700.0
"""A stop may drain for as long as the unit allows."""


class CannotInstall(Exception):
    """Why not, and what to do instead."""


def installation(program: str, module: str, *, system: bool) -> Installation:
    """For this machine. Raises CannotInstall."""
    command = _command(program, module)
    if sys.platform == "darwin":
        return _on_macos(program, command, system=system)
    if sys.platform == "win32" or shutil.which("systemctl") is None:
        raise CannotInstall(
            f"there is neither systemd nor launchd here: start {program} by what starts programs here"
        )
    unit = (UNITS / f"{program}.service").read_text(encoding="utf-8")
    if not system:
        return systemd.of_user(unit, program, command, _user_units())
    return systemd.of_system(unit, program, command)


def check_visible(made: Installation) -> None:
    """Raises CannotInstall where a service of the system could not see this herd. Others may have written its unit."""
    if not made.sees_no_homes:
        return
    command = Path(_command(made.program, "")[0])
    used = (
        command,
        command.resolve(),
        Path(sys.executable).resolve(),
        Path(shared.__file__).resolve().parent,
    )
    if hidden := hidden_from_system(*used):
        clone = quote(installed().clone or ".")
        raise CannotInstall(
            f"{hidden} is in a home, which a service of the system cannot see: install herd for all, as by"
            f" python3 -m venv /opt/herd and /opt/herd/bin/pip install {clone}; or leave --system out"
        )


def _on_macos(program: str, command: tuple[str, ...], *, system: bool) -> Installation:
    if not system:
        return launchd.of_user(program, command, Path.home(), os.getuid())
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return launchd.of_system(program, command, user)


def _command(program: str, module: str) -> tuple[str, ...]:
    """How this very installation is started."""
    beside = Path(sys.executable).with_name(program)
    return (str(beside),) if beside.exists() else (sys.executable, "-m", module)


def _user_units() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "systemd" / "user"


def written(made: Installation, *, force: bool) -> bool:
    """Whether the file is new or another one now; it is there in any case. Raises CannotInstall."""
    try:
        known = made.path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = None
    except OSError as error:
        raise CannotInstall(_refused(error, made)) from error
    if known == made.content:
        return False
    if known is not None and not force:
        raise CannotInstall(
            f"{made.path} is there and differs from what would be written: --force replaces it"
        )
    try:
        made.path.parent.mkdir(parents=True, exist_ok=True)
        made.path.write_text(made.content, encoding="utf-8")
    except OSError as error:
        raise CannotInstall(_refused(error, made)) from error
    return True


def removed(made: Installation) -> bool:
    """Whether there was a file to remove. Raises CannotInstall."""
    try:
        made.path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CannotInstall(_refused(error, made)) from error
    return True


def _refused(error: OSError, made: Installation) -> str:
    by_root = "; try it with sudo" if isinstance(error, PermissionError) else ""
    return f"{made.path}: {error.strerror}{by_root}"


def restarting(program: str, module: str) -> tuple[str, ...]:
    """The command that restarts what is installed here; empty: nothing is."""
    for system in (False, True):
        with contextlib.suppress(CannotInstall, OSError):
            made = installation(program, module, system=system)
            if made.path.exists():
                return made.restart
    return ()


def run(command: tuple[str, ...]) -> str:
    """Runs it; empty: it worked, else what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
