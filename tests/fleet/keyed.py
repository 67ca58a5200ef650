"""Callers with keys: made by the verb, as a person would."""

import json
from pathlib import Path
from typing import Any

from tests.fleet.verbs import Said, verb


async def key_verb(tmp_path: Path, *words: str) -> Said:
    """`herd key ...` on the data directory of the harness's coordinator."""
    return await verb("coordinator", "key", *words, "--data-dir", str(tmp_path / "herd"))


async def a_key(tmp_path: Path, name: str, *options: str) -> str:
    """A new one."""
    said = await key_verb(tmp_path, "create", "--name", name, *options)
    assert said.code == 0, said.err
    return said.out.strip()


async def keys_of(tmp_path: Path) -> dict[str, Any]:
    """`herd key list`, by name."""
    said = await key_verb(tmp_path, "list", "--json")
    assert said.code == 0, said.err
    return {each["name"]: each for each in json.loads(said.out)["keys"]}


def bearer(key: str) -> dict[str, str]:
    """As clients of OpenAI send it."""
    return {"Authorization": f"Bearer {key}"}


def left(directory: Path) -> dict[str, bytes]:
    """What is in the files, by their names."""
    return {str(each): each.read_bytes() for each in directory.rglob("*") if each.is_file()}
