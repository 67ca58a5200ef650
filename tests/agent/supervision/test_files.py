"""What is kept in files, and what is swept: identities, rungs, logs, leftovers."""

import os
from pathlib import Path

import pytest

from agent.supervision import identity
from agent.supervision.engine_log import LAST_BYTES, EngineLog, workers_word
from agent.supervision.identity import Identity, ends_with, same_launch
from agent.supervision.launch import Launch, Rung
from agent.supervision.leftovers import filled_in, swept
from agent.supervision.rungs_file import MOST_MODELS, Known, RungsFile


def who(command: tuple[str, ...], port: int | None = None) -> Identity:
    return Identity(
        name="it",
        pid=os.getpid(),
        started=identity.own_start(),
        command=command,
        mark="it-1",
        rung=Rung.CPU,
        owner=os.getpid(),
        owner_started=identity.own_start(),
        port=port,
    )


def test_an_identity_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "engines" / "it.json"
    assert identity.read(path) is None
    identity.written(path, who(("a", "b"), 5))
    assert identity.read(path) == who(("a", "b"), 5)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"name":"it"}', b"[" * 100_000])
def test_a_damaged_identity_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it.json"
    path.write_bytes(content)
    assert identity.read(path) is None


def test_a_process_is_known_by_its_command_too() -> None:
    assert not identity.lives(who(("another", "program")))


def test_an_interpreter_may_stand_before_a_command() -> None:
    assert ends_with(["/usr/bin/python3", "/usr/bin/vllm", "serve"], ("/usr/bin/vllm", "serve"))
    assert not ends_with(["vllm", "serve", "--more"], ("vllm", "serve"))
    assert not ends_with([], ())


def test_a_launch_is_the_same_but_for_its_port() -> None:
    before = who(("x", "--port", "8001", "--url=8001", "m"), 8001)
    assert same_launch(before, Launch(command=("x", "--port", "9002", "--url=9002", "m"), port=9002))
    assert not same_launch(before, Launch(command=("x", "--port", "9002", "--url=9002", "n"), port=9002))
    assert not same_launch(before, Launch(command=("x", "--port", "8001", "--url=8001"), port=8001))
    assert same_launch(who(("x", "m"), 8001), Launch(command=("x", "m")))


def test_a_rung_is_remembered_for_its_model(tmp_path: Path) -> None:
    file = RungsFile(tmp_path / "engines" / "it.rungs.json")
    assert file.read("m", 5.0) == Known(Rung.AS_IT_WAS, 5.0)
    file.write("m", Known(Rung.CPU, 7.0))
    file.write("n", Known(Rung.SMALLER_CONTEXT, 8.0))
    again = RungsFile(tmp_path / "engines" / "it.rungs.json")
    assert again.read("m", 9.0) == Known(Rung.CPU, 7.0)
    assert again.read("n", 9.0) == Known(Rung.SMALLER_CONTEXT, 8.0)


def test_rungs_are_bounded_and_a_damaged_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "it.rungs.json"
    file = RungsFile(path)
    path.write_text('{"m": {"rung": "no such rung", "since": 1}}')
    assert file.read("m", 5.0).rung is Rung.AS_IT_WAS
    for number in range(MOST_MODELS + 2):
        file.write(f"m{number}", Known(Rung.CPU, 1.0))
    assert file.read("m0", 5.0).rung is file.read("m1", 5.0).rung is Rung.AS_IT_WAS
    assert file.read("m2", 5.0).rung is Rung.CPU


def test_the_last_lines_are_those_of_this_start(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "it.log"
    path.parent.mkdir()
    path.write_text("of before\n")
    log = EngineLog(path)
    with log.open() as file:
        file.write(b"now\nit worker: no model\n")
    assert log.last_lines() == ["now", "it worker: no model"]
    assert workers_word(log.last_lines()) == "it worker: no model"
    assert workers_word(["now"]) == ""
    with path.open("ab") as file:
        file.write(b"x" * LAST_BYTES)
    assert len("".join(log.last_lines())) == LAST_BYTES


def test_globs_are_filled_in() -> None:
    assert filled_in("/x/a_{port}_*", [1, 2], 80) == ["/x/a_80_*"]
    assert filled_in("/x/a_{port}_*", [1, 2], None) == []
    assert filled_in("/x/{pid}.json", [1, 2], None) == ["/x/1.json", "/x/2.json"]
    assert filled_in("/x/{pid}-{port}", [1, 2], 80) == ["/x/1-80", "/x/2-80"]
    assert filled_in("/x/psm_*", [1], 80) == ["/x/psm_*"]


def test_only_what_the_engine_made_is_swept(tmp_path: Path) -> None:
    names = ("7.json", "8.json", "buf_80_0", "buf_81_0", "psm_old", "psm_new", "psm_open")
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / "psm_old", (1000.0, 1000.0))
    patterns = [str(tmp_path / each) for each in ("{pid}.json", "buf_{port}_*", "psm_*")]
    with (tmp_path / "psm_open").open():
        gone = swept(patterns, [7, 9], 80, 2000.0)
    assert [Path(each).name for each in gone] == ["7.json", "buf_80_0", "psm_new"]
