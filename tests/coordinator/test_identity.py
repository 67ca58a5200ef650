import re
from pathlib import Path

import pytest

from coordinator.identity import coordinator_id


def test_it_stays_the_same(tmp_path: Path) -> None:
    first = coordinator_id(tmp_path / "data")
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert coordinator_id(tmp_path / "data") == first
    assert coordinator_id(tmp_path / "other") != first


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"short", b"Z" * 32])
def test_a_spoilt_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "coordinator-id").write_bytes(content)
    made = coordinator_id(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert coordinator_id(tmp_path) == made


def test_without_a_place_to_keep_it_there_is_one_for_now(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert coordinator_id(tmp_path / "taken") != coordinator_id(tmp_path / "taken")
