"""Which engines are wanted, from engines.toml and `--engine NAME[:key=value...]`. Pure.

A section of the file is an engine: its name, its kind (`kind`, else the name itself), its options. `--engine NAME`
means the section of that name, else the kind; `key=value` lays over it. Values may hold colons: a new key begins only
where `:key=` stands. Lists are separated by semicolons there, since FLEET_NODE_ENGINE separates engines by commas.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from agent.engines.kind import EngineKind
from agent.engines.options import Options
from shared.fields import EngineName

FILE = "engines.toml"
KIND, NAME = "kind", "name"
_NEXT_KEY = re.compile(r":(?=[a-z_]+=)")


class WantedError(Exception):
    """What is wanted cannot be had; the text says where, what, and what would fit."""


class Wanted(Struct, frozen=True):
    """One engine. `options` empty (None): one of those that are built in."""

    name: str
    kind: str
    options: Options | None = None


def sections(text: str) -> dict[str, dict[str, Any]]:
    """Of engines.toml. Raises WantedError."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WantedError(f"{FILE}: {error}") from error
    for name, section in told.items():
        if not isinstance(section, dict):
            raise WantedError(f"{FILE}: {name}: expected a section, as in [{name}]")
    return told


def wanted(
    named: Iterable[str],
    file: Mapping[str, Mapping[str, Any]],
    kinds: Mapping[str, EngineKind],
    built_in: Iterable[str],
) -> list[Wanted]:
    """Those that are named; without names, those of the file. Raises WantedError."""
    known = [*built_in, *kinds]
    texts = list(dict.fromkeys(named)) or list(file)
    found = [_one(text, file, kinds, known) for text in texts]
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise WantedError(
            f"two engines are called {twice!r}: give one another name, as in --engine KIND:name=OTHER"
        )
    return found


def _one(
    text: str, file: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, EngineKind], known: list[str]
) -> Wanted:
    first, *pairs = _NEXT_KEY.split(text)
    section = file.get(first)
    values = dict(section or {}) | dict(_pair(pair) for pair in pairs)
    where = f"{FILE}, [{first}]" if section is not None else f"--engine {first}"
    kind, name = str(values.pop(KIND, first)), str(values.pop(NAME, first))
    if kind not in known:
        there = sorted({*known, *file})
        raise WantedError(f"no engine is called {kind!r}{_near(kind, there)}; there are: {', '.join(there)}")
    try:
        msgspec.convert(name, EngineName)
    except msgspec.ValidationError as error:
        raise WantedError(f"{where}: name={name!r}: small letters, digits, '.', '_' and '-' only") from error
    if kind not in kinds:
        if values:
            raise WantedError(
                f"{where}: {kind} is set up by FLEET_NODE_{kind.upper()}_*, not by {next(iter(values))}="
            )
        return Wanted(kind, kind)
    return Wanted(name, kind, _options(where, kinds[kind].options, values))


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _options(where: str, kind: type[Options], values: dict[str, Any]) -> Options:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            raise WantedError(
                f"{where}: no key {key!r}{_near(key, fields)}; there are: {', '.join(sorted(fields))}"
            )
        told = fields[key].type
        if isinstance(value, str) and "tuple" in str(told):
            values[key] = tuple(part.strip() for part in value.split(";") if part.strip())
        try:
            msgspec.convert(values[key], told, strict=False)
        except msgspec.ValidationError as error:
            raise WantedError(f"{where}: {key}={value!r}: {error}") from error
    return msgspec.convert(values, kind, strict=False)


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
