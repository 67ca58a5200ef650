"""Which agent of this machine a verb means: its directory, and whether it runs."""

from pathlib import Path
from typing import Any

from agent.config import PREFIX, Settings
from shared.settings import SettingsError, resolve

OK, FAILED, USAGE, NOT_FOUND, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes of every verb."""


class NoNode(Exception):
    """Nobody can be asked; the text is for a person. `code`: how the program ends."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def settings_of(flags: dict[str, Any]) -> Settings:
    """As the agent has them. Raises NoNode."""
    try:
        return resolve(Settings, PREFIX, flags).values
    except SettingsError as error:
        raise NoNode(str(error), USAGE) from error


def directory_of(settings: Settings) -> Path:
    """The node that was named; else the one whose agent runs; else the only one. Raises NoNode."""
    nodes = Path(settings.data_dir).expanduser() / "nodes"
    there = sorted(each for each in nodes.glob("*") if each.is_dir())
    if settings.node_id:
        if (named := nodes / settings.name) in there:
            return named
        raise NoNode(f"{settings.name} never ran here{_listed(there, nodes)}", NOT_FOUND)
    if len(there) == 1:
        return there[0]
    if not there:
        raise NoNode(f"no agent ever ran here: {nodes} has no node; another place: --data-dir", NOT_FOUND)
    raise NoNode(f"which one? give --node-id{_listed(there, nodes)}", USAGE)


def _listed(there: list[Path], nodes: Path) -> str:
    names = ", ".join(each.name for each in there)
    return f"; {nodes} has: {names}" if names else f"; {nodes} has no node"
