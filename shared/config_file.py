"""config.toml: one file for both programs, a table for each, keys named as the settings are.

[herd]
port = 11500

[herd-node]
engine = ["ollama"]
"""

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

SYSTEM_FILE = Path("/etc/fleet-manager/config.toml")
USER_FILE = "~/.fleet-manager/config.toml"
TABLES = ("herd", "herd-node")


class ConfigError(Exception):
    """A file that cannot be used; the text names the file, what is wrong, and the nearest name that there is."""


def config_files(environment: Mapping[str, str]) -> list[Path]:
    """Those that are there, the one that outranks the others last. FLEET_CONFIG_FILE stands for all of them.

    Raises ConfigError where that is named and not there.
    """
    if named := environment.get("FLEET_CONFIG_FILE"):
        path = Path(named).expanduser()
        if not path.exists():
            raise ConfigError(f"{path} (from FLEET_CONFIG_FILE): no such file")
        return [path]
    return [path for path in (SYSTEM_FILE, Path(USER_FILE).expanduser()) if _is_there(path)]


def _is_there(path: Path) -> bool:
    """What may not be looked at counts: reading it will say why not."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def read_table(path: Path, table: str, names: Collection[str], *, whole: bool = True) -> dict[str, Any]:
    """The values of one program by the settings' names, as TOML has them. Raises ConfigError.

    `whole`: whether `names` are all that there are; else others are left out.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for name, values in tables.items():
        if name not in TABLES:
            hint = f"; put it under [{table}]" if name in names else nearest(name, TABLES)
            raise ConfigError(f"{path}: unknown {_kind(values)} {name}{hint}")
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: {name} is a table: write [{name}]")
    values = tables.get(table, {})
    for key in values:
        if whole and key not in names:
            raise ConfigError(f"{path}: unknown key {key} in [{table}]{nearest(key, names)}")
    return {key: value for key, value in values.items() if key in names}


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean X?`, or nothing where none is near."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _kind(values: object) -> str:
    return "table" if isinstance(values, dict) else "key"
