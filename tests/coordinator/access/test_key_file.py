"""The file of keys: whole, its user's alone, and refused where it is not."""

import asyncio
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from coordinator.access import last_use
from coordinator.access.key_file import LARGEST, KeyFile, KeysUnusable, Stamp
from coordinator.access.key_ring import KeyRing
from coordinator.access.key_watch import KeyWatch
from coordinator.access.keys import Key, made
from coordinator.access.last_use import LastUse
from tests.fakes.waiting import eventually

LIMITS = (b"requests_per_minute", b"tokens_per_minute", b"parallel")


def a_key(name: str = "night") -> tuple[Key, str]:
    new = made()
    return Key(id=new.id, name=name, sha256=new.sha256), new.text


def adding(key: Key) -> Callable[[tuple[Key, ...]], tuple[Key, ...]]:
    return lambda keys: (*keys, key)


def test_no_file_is_no_keys(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    assert file.read() == ()
    assert file.stamp() is None


def test_what_is_written_is_read_and_is_nobody_elses(tmp_path: Path) -> None:
    file, (key, text) = KeyFile(tmp_path / "new" / "keys.json"), a_key()
    file.change(adding(key))
    assert file.read() == (key,)
    assert text not in file.path.read_text()
    if os.name == "posix":
        assert {stat.S_IMODE(each.stat().st_mode) for each in file.path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o601])
def test_a_file_that_is_open_to_others_is_refused_with_what_mends_it(tmp_path: Path, mode: int) -> None:
    file, (key, _) = KeyFile(tmp_path / "keys.json"), a_key()
    file.change(adding(key))
    file.path.chmod(mode)
    with pytest.raises(KeysUnusable, match=f"mode {mode:o}.*chmod 600 {file.path}"):
        file.read()
    with pytest.raises(KeysUnusable):
        file.change(adding(key))
    file.path.chmod(0o600)
    assert file.read() == (key,)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'{"keys": 1}', b'{"keys": [{"id": "x"}]}', b"\xff", b"[" * 100_000),
        *(b'{"kees": []}', b'{"keys": [{"id": "abcdefgh", "name": "n", "sha256": "no hex"}]}'),
        *(b'{"keys": [{"id": "abcdefgh", "name": "n", "sha256": "", "%b": 0}]}' % limit for limit in LIMITS),
        b'{"keys": [{"id": "abcdefgh", "name": "n", "sha256": "", "from_a_newer_herd": true}]}',
    ],
    ids=[
        "empty",
        "torn",
        "list",
        "number",
        "fields",
        "bytes",
        "deep",
        "typo",
        "hash",
        *map(bytes.decode, LIMITS),
        "newer",
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written_over(tmp_path: Path, content: bytes) -> None:
    file = KeyFile(tmp_path / "keys.json")
    file.path.write_bytes(content)
    file.path.chmod(0o600)
    with pytest.raises(KeysUnusable, match="makes no sense") as refused:
        file.change(adding(a_key()[0]))
    assert file.path.read_bytes() == content
    assert refused.value.command == f"mv {file.path} {file.path}.aside"


def test_what_is_no_file_or_cannot_be_read_is_told_with_what_mends_it(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    file.path.mkdir()
    with pytest.raises(KeysUnusable, match="is no file") as refused:
        file.read()
    assert refused.value.command == f"mv {file.path} {file.path}.aside"
    file.path.rmdir()
    file.path.write_bytes(b" " * (LARGEST + 1))
    file.path.chmod(0o600)
    with pytest.raises(KeysUnusable, match=f"is larger than {LARGEST} bytes") as refused:
        file.read()
    assert refused.value.command.startswith("mv ")
    file.path.chmod(0)
    if os.name == "posix" and os.geteuid() != 0:
        with pytest.raises(KeysUnusable, match="cannot be read: Permission denied") as refused:
            file.read()
        assert refused.value.command == f"chmod 600 {file.path}"


def test_who_changes_it_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    keys = [a_key(f"key-{number}")[0] for number in range(24)]
    threads = [
        threading.Thread(target=KeyFile(tmp_path / "keys.json").change, args=[adding(key)]) for key in keys
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {key.name for key in KeyFile(tmp_path / "keys.json").read()} == {key.name for key in keys}


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    file, (key, _) = KeyFile(tmp_path / "keys.json"), a_key()
    file.change(adding(key))

    def fails(_keys: tuple[Key, ...]) -> tuple[Key, ...]:
        raise LookupError

    with pytest.raises(LookupError):
        file.change(fails)
    file.change(lambda keys: tuple(replace(each, name="day") for each in keys))
    assert [each.name for each in file.read()] == ["day"]


def test_when_keys_were_used_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / last_use.FILE
    first = LastUse(path)
    first.used("a", 1.0)
    first.used("gone", 2.0)
    write = first.taken(lambda key_id: key_id != "gone")
    assert write is not None
    write()
    assert first.taken(lambda _key_id: True) is None
    second = LastUse(path)
    second.remember()
    second.used("b", 3.0)
    write = second.taken(lambda _key_id: True)
    assert write is not None
    write()
    assert last_use.read(path) == {"a": 1.0, "b": 3.0}
    path.write_text("no JSON")
    assert last_use.read(path) == {}


async def test_a_file_that_is_opened_to_others_while_it_is_used_gives_no_more_keys(tmp_path: Path) -> None:
    file, (key, text) = KeyFile(tmp_path / "keys.json"), a_key()
    ring, gone = KeyRing(), set[str]()
    watch = KeyWatch(file, ring, LastUse(tmp_path / last_use.FILE), gone.update)
    await watch.start()
    watching = asyncio.create_task(watch.run())
    try:
        file.change(adding(key))
        await eventually(lambda: ring.find(text) is not None)
        if os.name == "posix":
            file.path.chmod(0o644)
            await eventually(lambda: ring.find(text) is None)
            assert watch.unusable is not None
            assert watch.unusable.command == f"chmod 600 {file.path}"
            file.path.chmod(0o600)
            await eventually(lambda: ring.find(text) is not None)
            assert watch.unusable is None
        file.path.unlink()
        await eventually(lambda: ring.find(text) is None)
        assert gone == {key.id}
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert set(last_use.read(tmp_path / last_use.FILE)) <= {key.id}


async def test_a_look_that_fails_is_not_the_last(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A watch that had ended would let revoked keys live on."""

    class Troubled(KeyFile):
        looks = 0

        def stamp(self) -> Stamp | None:
            self.looks += 1
            if 1 < self.looks < 4:
                raise RuntimeError("can't start new thread")
            return super().stamp()

    file, (key, text) = Troubled(tmp_path / "keys.json"), a_key()
    file.change(adding(key))
    ring = KeyRing()
    watch = KeyWatch(file, ring, LastUse(tmp_path / last_use.FILE))
    await watch.start()
    assert ring.find(text) is not None
    watching = asyncio.create_task(watch.run())
    try:
        file.change(lambda _keys: ())
        await eventually(lambda: ring.find(text) is None)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert file.looks >= 4
    assert len([each for each in caplog.records if "cannot be looked at" in each.message]) == 1


async def test_a_directory_that_nobody_may_look_into_is_told_from_the_start(tmp_path: Path) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("root looks everywhere")
    place = tmp_path / "herd"
    place.mkdir(mode=0)
    try:
        watch = KeyWatch(KeyFile(place / "keys.json"), KeyRing(), LastUse(tmp_path / last_use.FILE))
        await watch.start()
        assert watch.unusable is not None
    finally:
        place.chmod(0o700)
