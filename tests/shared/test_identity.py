import re
from pathlib import Path

import pytest

from shared.identity import kept_id


def test_it_stays_the_same(tmp_path: Path) -> None:
    first = kept_id(tmp_path / "data" / "id")
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert kept_id(tmp_path / "data" / "id") == first
    assert kept_id(tmp_path / "other" / "id") != first


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"short", b"Z" * 32])
def test_a_spoilt_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id").write_bytes(content)
    made = kept_id(tmp_path / "id")
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert kept_id(tmp_path / "id") == made


def test_without_a_place_to_keep_it_there_is_one_for_now(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert kept_id(tmp_path / "taken" / "id") != kept_id(tmp_path / "taken" / "id")
