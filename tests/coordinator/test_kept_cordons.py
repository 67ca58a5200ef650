"""The file of cordoned and drained nodes."""

from pathlib import Path

import pytest

from coordinator.core.cordon import Cordon
from coordinator.kept_cordons import KeptCordons
from coordinator.kept_file import NotKept
from shared.names import NodeId

PI, LAPTOP = NodeId("pi"), NodeId("laptop")
NOW, TODAY = 1_000.0, 1_700_000_000.0


def kept(path: Path, clock: float = NOW, wall: float = TODAY) -> KeptCordons:
    return KeptCordons(path / "data" / "nodes.json", lambda: clock, lambda: wall)


def test_what_was_written_is_read_on_the_clock_of_the_next_start(tmp_path: Path) -> None:
    kept(tmp_path).taken([Cordon(PI), Cordon(LAPTOP, NOW + 600)])()
    assert kept(tmp_path, clock=5.0, wall=TODAY + 100).read() == [(PI, None), (LAPTOP, 505.0)]


def test_no_file_is_no_order(tmp_path: Path) -> None:
    assert kept(tmp_path).read() == []


def test_the_later_order_stays_whoever_writes_first(tmp_path: Path) -> None:
    file = kept(tmp_path)
    first, second = file.taken([Cordon(PI)]), file.taken([])
    second()
    first()
    assert file.read() == []


def lies_open(path: Path) -> Path:
    """Where the file is, for whoever spoils it."""
    file = path / "data" / "nodes.json"
    file.parent.mkdir()
    return file


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff", b'{"cordons": {"pi": 5}}', b'{"cordons": {"pi": {"drain_until": "soon"}}}'],
)
def test_a_file_that_makes_no_sense_stays_as_it_is(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file, spoilt = kept(tmp_path), lies_open(tmp_path)
    spoilt.write_bytes(content)
    assert file.read() == []
    for _ in range(2):
        with pytest.raises(NotKept, match=f"{spoilt} made no sense at the start"):
            file.taken([Cordon(PI)])()
    assert [each.name for each in spoilt.parent.iterdir()] == ["nodes.json"]
    assert spoilt.read_bytes() == content
    (record,) = caplog.records
    assert "stays as it is" in record.getMessage()


def test_one_that_cannot_be_read_stays_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, spoilt = kept(tmp_path), lies_open(tmp_path)
    spoilt.symlink_to(spoilt)  # it could be replaced, as one without permission can
    assert file.read() == []
    for _ in range(2):
        with pytest.raises(NotKept, match=f"{spoilt} could not be read at the start: "):
            file.taken([Cordon(PI)])()
    assert spoilt.readlink() == spoilt
    assert len(caplog.records) == 1


def test_once_it_is_taken_away_orders_are_kept_again(tmp_path: Path) -> None:
    file, spoilt = kept(tmp_path), lies_open(tmp_path)
    spoilt.write_bytes(b"{")
    file.read()
    spoilt.unlink()
    file.taken([Cordon(PI)])()
    file.taken([Cordon(LAPTOP)])()
    assert kept(tmp_path).read() == [(LAPTOP, None)]


def test_one_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = kept(tmp_path)
    lies_open(tmp_path).mkdir()
    with pytest.raises(NotKept, match=r"nodes\.json cannot be written: "):
        file.taken([Cordon(PI)])()
