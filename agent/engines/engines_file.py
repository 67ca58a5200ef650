"""Where engines.toml is."""

from pathlib import Path

from agent.engines.wanted import FILE, WantedError


def read_file(directory: Path) -> str:
    """The node's engines.toml, else that of all agents of this data directory; empty where there is none.

    Blocks for the disk. Raises WantedError for one that cannot be read.
    """
    for place in (directory, directory.parent.parent):
        try:
            return (place / FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise WantedError(f"{place / FILE} cannot be read: {error}") from error
    return ""
