"""The stream of a pull: how far, whether it moves, how it ended."""

import msgspec
import pytest

from coordinator.models.progress import STALL_S, VERIFYING_S, Progress
from shared.errors import NodeFailure


def line(**fields: object) -> bytes:
    return msgspec.json.encode(fields) + b"\n"


def blob(digest: str, completed: int, total: int = 100) -> bytes:
    return line(status=f"pulling {digest}", digest=digest, completed=completed, total=total)


def test_it_moves_while_bytes_come_or_the_work_changes() -> None:
    progress = Progress("n1")
    assert progress.feed(line(status="pulling manifest"))
    assert progress.feed(blob("a", 0))
    assert progress.feed(blob("a", 10)[:20]) is False, "half a line"
    assert progress.feed(blob("a", 10)[20:])
    assert progress.feed(blob("a", 10) + blob("a", 10)) is False, "it stands still, and says so"
    assert progress.patience_s == STALL_S
    assert progress.feed(blob("a", 10) + blob("a", 100) + blob("b", 7, 7))
    assert progress.completed == 107
    assert progress.feed(line(status="verifying sha256 digest"))
    assert progress.patience_s == VERIFYING_S
    assert progress.feed(line(status="verifying sha256 digest")) is False
    assert progress.feed(line(status="success").rstrip()) is False
    progress.finish()


def test_a_silent_start_is_not_given_the_time_of_a_check() -> None:
    progress = Progress("n1")
    progress.feed(line(status="pulling manifest"))
    assert progress.patience_s == STALL_S


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (line(error="no space left on device"), "on n1: no space left on device"),
        (b"<html>\n", "no line of progress"),
        (b"x" * (2**20 + 1), "has no end"),
    ],
)
def test_what_is_no_progress_ends_it(chunk: bytes, said: str) -> None:
    with pytest.raises(NodeFailure, match=said):
        Progress("n1").feed(chunk)


def test_an_end_without_success_is_none() -> None:
    for chunks in ([], [blob("a", 100)], [line(status="success"), blob("a", 100)]):
        progress = Progress("n1")
        for chunk in chunks:
            progress.feed(chunk)
        with pytest.raises(NodeFailure, match="broke off"):
            progress.finish()
