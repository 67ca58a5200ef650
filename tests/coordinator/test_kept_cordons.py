"""The file of cordoned and drained nodes."""

from pathlib import Path

import pytest

from coordinator.core.cordon import Cordon
from coordinator.kept_cordons import KeptCordons
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


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff", b'{"cordons": {"pi": 5}}', b'{"cordons": {"pi": {"drain_until": "soon"}}}'],
)
def test_a_file_that_is_none_is_put_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = kept(tmp_path)
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert file.read() == []
    assert (file.path.parent / "nodes.json.corrupt-20231114-221320").read_bytes() == content
    assert not file.path.exists()
    (record,) = caplog.records
    assert "put aside as nodes.json.corrupt-20231114-221320" in record.getMessage()


def test_one_that_cannot_be_read_stays_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = kept(tmp_path)
    file.path.mkdir(parents=True)
    assert file.read() == []
    assert "is not known" in caplog.records[0].getMessage()
    with pytest.raises(OSError, match=r"nodes\.json"):
        file.taken([Cordon(PI)])()
