"""The week, shown."""

import time
from pathlib import Path

import msgspec
import pytest

from agent.capacity.slots import Hour, hours, learn, new_week
from agent.capacity.store import FILE, Store, encoded
from agent.config import Settings
from agent.verbs.capacity import capacity, table
from agent.verbs.directory import NoNode

T0 = 1_800_000_000.0


def a_directory(data_dir: Path) -> Path:
    directory = data_dir / "nodes" / "laptop"
    directory.mkdir(parents=True)
    return directory


def test_a_table_has_a_line_for_each_day() -> None:
    week = new_week(T0)
    learn(week.slots[24 + 9], 71.4, 3600.0, T0)
    lines = table(hours(week, T0)).splitlines()
    assert [line[:3] for line in lines[1:]] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert {len(line) for line in lines} == {4 + 24 * 4}
    assert lines[2].split()[1:] == [*["."] * 9, "71", *["."] * 14]
    assert hours(week, T0)[33] == Hour(33, "Tue", 9, 71.4, 720.0)


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    week = new_week(T0)
    learn(week.slots[0], 50.0, 5.0, time.time())
    Store(a_directory(tmp_path) / FILE).write(encoded(week))
    assert capacity(Settings(data_dir=str(tmp_path)), "json") == 0
    told = msgspec.json.decode(capsys.readouterr().out, type=list[Hour])
    assert len(told) == 168
    assert told[0] == Hour(0, "Mon", 0, 50.0, 1.0)


def test_where_nothing_was_learned_it_says_how(tmp_path: Path) -> None:
    directory = a_directory(tmp_path)
    settings = Settings(data_dir=str(tmp_path))
    with pytest.raises(NoNode, match=r"laptop: nothing was learned yet; .*--learn-capacity") as raised:
        capacity(settings, "text")
    assert raised.value.code == 3
    (directory / FILE).write_bytes(b"{")
    with pytest.raises(NoNode, match="cannot be read") as raised:
        capacity(settings, "text")
    assert raised.value.code == 1
