"""What `herd key ...` does: it works on the file in the coordinator's data directory, and asks no coordinator."""

import time
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from coordinator.access import key_file, last_use
from coordinator.access.key_file import KeyFile, KeysUnusable
from coordinator.access.keys import ID, NAME, Key, Made, made
from coordinator.verbs.connection import FAILED, NOT_FOUND, USAGE, NoAnswer
from coordinator.verbs.key_view import keys_table, keys_told
from coordinator.verbs.saying import rendered, say
from shared.durations import seconds
from shared.names import is_model_name, near
from shared.settings import DEFAULT_DATA_DIR, SettingsError, resolve

PREFIX = "FLEET_"


class _Here(Struct, frozen=True, kw_only=True):
    """Of coordinator.config.Settings, which takes long to import."""

    data_dir: str = DEFAULT_DATA_DIR


def create(wishes: dict[str, Any], expires: str | None, data_dir: str | None, output: str) -> None:
    """Raises NoAnswer."""
    now, new = time.time(), made()
    key = _key(new, wishes, now, _ends(expires, now))
    _add(_directory(data_dir), key)
    if output == "json":
        (told,) = keys_told([key], {}, now)["keys"]
        click.echo(rendered({"key": new.text} | told, "json"))
        return
    click.echo(new.text)
    say(
        f"the key {key.name!r} ({key.id}) may {', '.join(key.scopes)}; it is shown this once only."
        " A client sends it as API key (Authorization: Bearer KEY, or x-api-key)",
        err=True,
    )


def new_key(name: str) -> str:
    """One that may call and no more, for a client. Raises NoAnswer."""
    new = made()
    _add(_directory(None), Key(id=new.id, name=name, sha256=new.sha256, created=time.time()))
    return new.text


def _add(directory: Path, key: Key) -> None:
    def added(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if any(key.name in (each.name, each.id) for each in keys):
            raise NoAnswer(
                f"there is a key {key.name!r}; another name, or: herd key revoke {key.name}", code=USAGE
            )
        return (*keys, key)

    _change(directory, added)


def tell(data_dir: str | None, output: str, *, headings: bool, quiet: bool) -> None:
    """Raises NoAnswer."""
    directory = _directory(data_dir)
    keys = _read(directory)
    told = keys_told(keys, last_use.read(directory / last_use.FILE), time.time())
    if quiet:
        for key in keys:
            say(key.name)
    elif output == "json":
        click.echo(rendered(told, "json"))
    else:
        for line in keys_table(told).lines(headings=headings):
            click.echo(line)


def revoke(name: str, data_dir: str | None, output: str) -> None:
    """Raises NoAnswer."""
    gone: list[Key] = []

    def without(keys: tuple[Key, ...]) -> tuple[Key, ...]:
        gone.extend([each for each in keys if name in (each.id, each.name)])
        if not gone:
            close = near(name, [each.name for each in keys])
            perhaps = f"; did you mean {' or '.join(close)}?" if close else ""
            raise NoAnswer(f"no key has the id or the name {name!r}{perhaps}", code=NOT_FOUND)
        return tuple(each for each in keys if each not in gone)

    _change(_directory(data_dir), without)
    if output == "json":
        click.echo(rendered({"revoked": [{"id": each.id, "name": each.name} for each in gone]}, "json"))
        return
    for each in gone:
        say(f"{each.name} ({each.id}) revoked")


def _key(new: Made, wishes: dict[str, Any], now: float, expires: float | None) -> Key:
    name, models = wishes["name"], tuple(each.strip() for each in wishes["models"])
    if NAME.fullmatch(name) is None:
        raise NoAnswer(f"{name!r} is no name for a key: 1 to 64 letters, digits and . _ - @", code=USAGE)
    if ID.fullmatch(name):
        raise NoAnswer(f"{name!r} looks like the id of a key; another name", code=USAGE)
    for each in models:
        if not is_model_name(each):
            raise NoAnswer(f"{each!r} is no name of a model", code=USAGE)
    return Key(
        id=new.id,
        name=name,
        sha256=new.sha256,
        scopes=tuple(dict.fromkeys(wishes["scopes"])),
        models=models or None,
        requests_per_minute=wishes["rpm"],
        tokens_per_minute=wishes["tpm"],
        parallel=wishes["parallel"],
        priority=wishes["priority"],
        created=now,
        expires=expires,
    )


def _ends(expires: str | None, now: float) -> float | None:
    if expires is None:
        return None
    try:
        span = seconds(expires)
    except ValueError as error:
        raise NoAnswer(f"--expires: {error}", code=USAGE) from error
    if span <= 0:
        raise NoAnswer("--expires: a key that has ended already is none", code=USAGE)
    return now + span


def _directory(data_dir: str | None) -> Path:
    try:
        here = resolve(_Here, PREFIX, {"data_dir": data_dir}, whole=False).values
    except SettingsError as error:
        raise NoAnswer(str(error), code=USAGE) from error
    return Path(here.data_dir).expanduser()


def _read(directory: Path) -> tuple[Key, ...]:
    try:
        return KeyFile(directory / key_file.FILE).read()
    except KeysUnusable as error:
        raise NoAnswer(str(error), code=FAILED) from error


def _change(directory: Path, changed: Any) -> None:
    try:
        KeyFile(directory / key_file.FILE).change(changed)
    except KeysUnusable as error:
        raise NoAnswer(str(error), code=FAILED) from error
