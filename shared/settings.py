"""Settings of either program, and where each value came from: default < /etc/fleet-manager/config.toml <
~/.fleet-manager/config.toml < the env file < environment < flag.
"""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from shared.config_file import ConfigError, config_files, nearest, read_table
from shared.constraints import LARGEST, expected

Settings = TypeVar("Settings", bound=msgspec.Struct)

DEFAULT_DATA_DIR = "~/.fleet-manager"
TABLES = {"FLEET_": "herd", "FLEET_NODE_": "herd-node"}
"""Of config.toml, by the prefix of the same settings in the environment."""
_NO_SETTINGS = ("FLEET_ENV_FILE", "FLEET_CONFIG_FILE", "FLEET_URL", "FLEET_KEY")
"""Names of the environment that say where settings, or a coordinator, are found, and what it is shown."""


class SettingsError(Exception):
    """A value that cannot be used; the text names the setting, the value's source and the reason."""


class Resolved(msgspec.Struct, Generic[Settings], frozen=True):
    """The settings, the source of each value, and names that nobody knows."""

    values: Settings
    origins: dict[str, str]
    warnings: tuple[str, ...] = ()


def read_env_file(path: Path) -> dict[str, str]:
    """KEY=value lines; `export ` and quotes allowed, `#` starts a comment line. No file: nothing.

    Raises SettingsError where a line has no `=`, or the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    values = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{path}, line {number}: expected KEY=value")
        values[key.strip()] = value.strip().strip("\"'")
    return values


def env_file(environment: Mapping[str, str]) -> Path:
    """FLEET_ENV_FILE, else `env` in the default data directory."""
    return Path(environment.get("FLEET_ENV_FILE") or f"{DEFAULT_DATA_DIR}/env").expanduser()


def resolve(
    kind: type[Settings],
    prefix: str,
    flags: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    other_prefixes: tuple[str, ...] = (),
    *,
    whole: bool = True,
) -> Resolved[Settings]:
    """Settings of `kind` from all sources. A flag of None (or an empty list) was left out and hides nothing.

    `whole`: whether `kind` has all settings of the program; else other names are no fault.

    Raises SettingsError for a value that does not fit its setting, and for a config.toml with a name that nobody knows.
    """
    environment = os.environ if environment is None else environment
    path = env_file(environment)
    from_file = read_env_file(path)
    names = {field.name for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    written = {name: prefix + name.upper() for name in names}
    origins = dict.fromkeys(names, "default")
    for config, table in _tables(environment, TABLES[prefix], names, whole=whole):
        values |= table
        origins |= dict.fromkeys(table, f"file {config}")
        written |= {name: name for name in table}
    for source, found in ((f"file {path}", from_file), ("environment", environment)):
        for name in names:
            text = found.get(prefix + name.upper())
            if text:
                values[name], origins[name] = text, source
                written[name] = prefix + name.upper()
    for name, value in flags.items():
        if value is not None and value != ():
            values[name], origins[name] = value, "flag"
            written[name] = prefix + name.upper()
    warnings = (
        *_unknown(from_file, prefix, names, other_prefixes),
        *_unknown(environment, prefix, names, other_prefixes),
    )
    return Resolved(_convert(kind, written, values, origins), origins, warnings if whole else ())


def _tables(
    environment: Mapping[str, str], table: str, names: set[str], *, whole: bool
) -> Iterator[tuple[Path, dict[str, Any]]]:
    try:
        for path in config_files(environment):
            yield path, read_table(path, table, names, whole=whole)
    except ConfigError as error:
        raise SettingsError(str(error)) from error


def _convert(
    kind: type[Settings], written: dict[str, str], values: dict[str, Any], origins: dict[str, str]
) -> Settings:
    """`written`: each setting's name as its source spells it, for a complaint."""
    for field in msgspec.structs.fields(kind):
        if field.name not in values:
            continue
        value = values[field.name]
        if isinstance(value, str) and "tuple" in str(field.type):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        try:
            values[field.name] = msgspec.convert(value, field.type, strict=False)
            _check_size(values[field.name])
        except msgspec.ValidationError as error:
            why = str(error) if isinstance(error, _TooLarge) else expected(field.type) or str(error)
            raise SettingsError(
                f"{written[field.name]}={value!r} (from {origins[field.name]}): {why}"
            ) from error
    return kind(**values)


class _TooLarge(msgspec.ValidationError):
    """Of the right kind, and beyond what any setting may be."""


def _check_size(value: object) -> None:
    if not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        raise _TooLarge("expected a finite number")
    if abs(value) > LARGEST:
        raise _TooLarge(f"expected a number of at most {LARGEST}")


def _unknown(
    found: Mapping[str, str], prefix: str, names: set[str], other_prefixes: tuple[str, ...]
) -> list[str]:
    known = {prefix + name.upper() for name in names} | set(_NO_SETTINGS)
    warnings = []
    for key in sorted(found):
        if not key.startswith(prefix) or key in known or key.startswith(other_prefixes or ("\0",)):
            continue
        warnings.append(f"unknown setting {key}{nearest(key, known)}")
    return warnings
