"""The file of what was learned."""

import os
from pathlib import Path

import msgspec
import pytest

from agent.capacity.slots import learn, new_week
from agent.capacity.store import FILE, Store, encoded

T0 = 1_800_000_000.0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    week = new_week(T0)
    learn(week.slots[7], 33.3, 5.0, T0 + 1)
    Store(tmp_path / FILE).write(encoded(week))
    assert Store(tmp_path / FILE).read(T0 + 9) == week
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert Store(tmp_path / "none").read(T0) == new_week(T0)


GOOD = msgspec.json.decode(encoded(new_week(T0)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        msgspec.json.encode(GOOD | {"slots": GOOD["slots"][:-1]}),
        msgspec.json.encode(GOOD | {"slots": [[101, 1, 0], *GOOD["slots"][1:]]}),
        msgspec.json.encode(GOOD | {"slots": [[None, 1, 0], *GOOD["slots"][1:]]}),
        msgspec.json.encode(GOOD | {"slots": [[5, 1e300, 0], *GOOD["slots"][1:]]}),
        encoded(new_week(T0))[:-9],
    ],
)
def test_a_corrupt_file_is_put_aside(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    store = Store(tmp_path / FILE)
    assert store.read(T0) == new_week(T0)
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith(f"{FILE}.corrupt-20")
    assert aside.read_bytes() == content
    assert "is corrupt; learning the owner's use begins anew" in caplog.text
    store.write(encoded(new_week(T0)))
    assert (tmp_path / FILE).exists()


def test_a_file_that_cannot_be_read_is_not_written_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()
    store = Store(tmp_path / FILE)
    assert store.read(T0) == new_week(T0)
    store.write(encoded(new_week(T0)))
    assert (tmp_path / FILE).is_dir()
    assert len(caplog.records) == 1


def test_a_disk_that_takes_nothing_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path / "gone" / FILE)
    for _ in range(3):
        store.write(b"{}")
    assert len(caplog.records) == 1
    assert "is not kept" in caplog.text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no modes of files on this system")
def test_only_the_user_may_read_when_somebody_is_at_the_machine(tmp_path: Path) -> None:
    Store(tmp_path / FILE).write(b"{}")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
