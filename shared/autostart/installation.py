"""What has to be written where, and which commands do the rest. Pure."""

from pathlib import Path, PurePath

from msgspec import Struct

HOMES = ("/home", "/root", "/run/user")
"""What ProtectHome hides from a service of the system."""


class Installation(Struct, frozen=True, kw_only=True):
    """One program's way to be started without a person. Commands are argument lists."""

    program: str
    name: str
    """Of the unit, or launchd's label."""
    path: Path
    content: str
    reload: tuple[str, ...] = ()
    """After the file was written or removed; empty: nothing is to be told."""
    start: tuple[str, ...]
    """Now, and from now on."""
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    running: tuple[str, ...]
    """Ends with 0 while it runs."""
    hints: tuple[str, ...] = ()
    """What a person may want to know."""
    unheard: str = ""
    """What may help where nobody takes these commands."""
    sees_no_homes: bool = False


def hidden_from_system(*paths: PurePath) -> PurePath | None:
    """The first that lies in somebody's home, where a service of the system cannot look; None: none does."""
    return next((path for path in paths if any(path.is_relative_to(home) for home in HOMES)), None)
