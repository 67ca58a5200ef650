"""Three kinds of evidence, and what follows from all of them."""

from typing import Any

import pytest

from agent.supervision.evidence import Evidence, Patience, ProcessState, Verdict, verdict
from agent.supervision.progress import Progress

NOW = 1000.0
PATIENCE = Patience()
SILENT: dict[str, Any] = {"silent_since": NOW - 120.0, "misses": 50}
RUNNING = ProcessState.RUNNING


def judged(patience: Patience = PATIENCE, **known: Any) -> Verdict:
    return verdict(Evidence(**{"process": RUNNING, **known}), patience, NOW)


def test_one_that_answers_lives() -> None:
    assert judged() is Verdict.ALIVE
    assert judged(open_calls=1, moved_at=NOW) is Verdict.ALIVE


def test_a_process_that_is_gone_is_dead_whatever_else_is_known() -> None:
    assert judged(process=ProcessState.GONE, open_calls=1, moved_at=NOW) is Verdict.DEAD


def test_silence_while_calls_move_is_busy_and_not_dead() -> None:
    assert judged(**SILENT, open_calls=1, moved_at=NOW - 1) is Verdict.BUSY
    assert judged(**SILENT, open_calls=1, moved_at=NOW - PATIENCE.busy_silence_s + 1) is Verdict.BUSY


def test_silence_while_no_call_moves_is_a_wedge() -> None:
    assert judged(**SILENT, open_calls=1, moved_at=NOW - PATIENCE.busy_silence_s) is Verdict.WEDGED


def test_the_silence_must_itself_have_lasted() -> None:
    short: dict[str, Any] = {"silent_since": NOW - 5.0, "misses": 3}
    assert judged(**short, open_calls=1, moved_at=NOW - 500) is Verdict.BUSY


def test_good_answers_with_no_progress_for_long_are_a_wedge() -> None:
    """Health says ok, every call hangs."""
    assert judged(open_calls=1, moved_at=NOW - PATIENCE.stalled_s) is Verdict.WEDGED
    assert judged(open_calls=1, moved_at=NOW - PATIENCE.stalled_s + 1) is Verdict.ALIVE
    assert judged(open_calls=0, moved_at=NOW - PATIENCE.stalled_s) is Verdict.ALIVE


def test_an_idle_one_has_no_excuse_for_silence() -> None:
    assert judged(**SILENT) is Verdict.WEDGED
    assert judged(silent_since=NOW - PATIENCE.idle_silence_s + 1, misses=9) is Verdict.ALIVE


@pytest.mark.parametrize("misses", range(PATIENCE.misses))
def test_a_few_missed_probes_may_be_the_agents_own_fault(misses: int) -> None:
    assert judged(silent_since=NOW - 500, misses=misses) is Verdict.ALIVE


def test_one_that_is_never_heard_while_busy_is_left_alone_for_longer() -> None:
    krasis = Patience(answers_while_busy=False)
    assert judged(krasis, **SILENT, open_calls=1, moved_at=NOW - 300) is Verdict.BUSY
    assert judged(krasis, **SILENT, open_calls=1, moved_at=NOW - krasis.stalled_s) is Verdict.WEDGED
    assert judged(krasis, **SILENT) is Verdict.WEDGED


def test_a_stopped_process_is_wedged_after_a_moment() -> None:
    stopped = ProcessState.STOPPED
    assert judged(process=stopped, stopped_since=NOW - 0.5) is Verdict.ALIVE
    assert judged(process=stopped, stopped_since=NOW - PATIENCE.stopped_s) is Verdict.WEDGED
    assert judged(process=stopped, stopped_since=NOW - 2, open_calls=1, moved_at=NOW) is Verdict.WEDGED


def test_progress_counts_calls_and_their_last_move() -> None:
    progress = Progress()
    progress.began(1.0)
    progress.began(2.0)
    progress.ended(3.0)
    assert (progress.open, progress.moved_at) == (1, 3.0)
    progress.moved(4.0)
    progress.ended(4.5)
    progress.ended(5.0)
    assert (progress.open, progress.moved_at) == (0, 5.0)
