"""One child process: ready, ended, too slow, impossible to start, wedged. Real processes."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from agent.backoff import MOST_EXITS
from agent.supervision.engine_log import LOG_BYTES
from agent.supervision.evidence import ProcessState
from agent.supervision.kinds import Kind
from agent.supervision.ladder import POISONED_TIMES, QUIET_S
from agent.supervision.launch import LADDER, Launch, Rung
from agent.supervision.life import WATCH_S
from agent.supervision.progress import Progress
from agent.supervision.rungs_file import Known, RungsFile
from agent.supervision.tree import state
from agent.supervisor import MEMORY_LOOK_S
from tests.agent.supervised import FOR_EVER, READY, UNPROBED, program, supervising, until_ready
from tests.fakes.waiting import eventually

CRASHES = 20


def gone(pid: int) -> bool:
    return state(pid) is ProcessState.GONE


async def test_it_is_ready_once_its_line_came(tmp_path: Path) -> None:
    async with supervising(tmp_path, lambda _: program(READY + FOR_EVER)) as supervisor:
        await until_ready(supervisor)
        assert supervisor.ready is not None
        assert supervisor.ready.address == "http://127.0.0.1:9"
        assert supervisor.reason == ""


async def test_one_that_ends_is_started_again_and_zero_is_no_success(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    text = f"open({str(starts)!r}, 'a').write('x'); " + READY
    async with supervising(tmp_path, lambda _: program(text)) as supervisor:
        await eventually(lambda: starts.exists() and len(starts.read_text()) >= 2, 10)
        assert supervisor.events.all()[0].kind is Kind.ENDED


async def test_the_workers_own_word_is_the_reason_and_other_lines_are_not(tmp_path: Path) -> None:
    words = "import sys; sys.stderr.write('a prompt\\nthe worker: no model\\nanother prompt\\n'); sys.exit(1)"
    async with supervising(tmp_path, lambda _: program(words)) as supervisor:
        await eventually(supervisor.changed.is_set, 10)
        assert supervisor.reason == "crashed, exit code 1: the worker: no model"
    silent = "import sys; sys.stderr.write('a prompt'); sys.exit(7)"
    async with supervising(tmp_path / "b", lambda _: program(silent)) as supervisor:
        await eventually(supervisor.changed.is_set, 10)
        assert supervisor.reason == "crashed, exit code 7: see it.log in the node's logs"
        assert "a prompt" not in str(supervisor.events.all())


async def test_what_lets_a_machine_join_is_not_told_to_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_NODE_TOKEN", "herd1-secret")
    monkeypatch.setenv("FOR_ENGINES", "told")
    told = tmp_path / "told"
    text = f"import os; open({str(told)!r}, 'w').write(str(dict(os.environ))); " + READY
    async with supervising(tmp_path, lambda _: program(text + FOR_EVER)) as supervisor:
        await until_ready(supervisor)
        assert "herd1-secret" not in told.read_text()
        assert "'FOR_ENGINES': 'told'" in told.read_text()


async def test_one_that_never_says_so_is_not_ready(tmp_path: Path) -> None:
    launch = program(FOR_EVER, ready_timeout_s=0.3)
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        await eventually(supervisor.changed.is_set, 10)
        assert supervisor.ready is None
        assert "not ready within" in supervisor.reason
        assert supervisor.events.all()[0].kind is Kind.TOO_SLOW


async def test_nonsense_instead_of_the_line_is_no_end_of_the_supervisor(tmp_path: Path) -> None:
    text = "print('hello', flush=True); " + FOR_EVER
    async with supervising(tmp_path, lambda _: program(text)) as supervisor:
        await eventually(supervisor.changed.is_set, 10)
        assert "cannot be started" in supervisor.reason


async def test_what_cannot_be_started_says_so_and_is_quarantined(tmp_path: Path) -> None:
    launch = program("", python=str(tmp_path / "missing"))
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        await eventually(supervisor.changed.is_set, 10)
        assert "cannot be started" in supervisor.reason
        assert "missing" in supervisor.reason
        assert supervisor.quarantined


async def test_a_long_log_is_turned_over_at_a_start_and_under_a_running_engine(tmp_path: Path) -> None:
    kept = tmp_path / "logs" / "it.log"
    kept.parent.mkdir()
    kept.write_bytes(b"x" * (LOG_BYTES + 1))
    async with supervising(tmp_path, lambda _: program(READY + FOR_EVER)) as supervisor:
        await until_ready(supervisor)
        assert kept.stat().st_size == 0
        assert kept.with_suffix(".log.1").stat().st_size == LOG_BYTES + 1
        with kept.open("ab") as file:
            file.write(b"y" * (LOG_BYTES + 2))
        await eventually(lambda: kept.stat().st_size == 0)
        assert kept.with_suffix(".log.1").stat().st_size == LOG_BYTES + 2


async def test_five_exits_are_quarantine_and_it_is_never_silent(tmp_path: Path) -> None:
    """20 crashes: the tries after the fifth come one by one, each an event."""
    starts = tmp_path / "starts"
    text = f"open({str(starts)!r}, 'a').write('x'); import os; os.abort()"
    async with supervising(tmp_path, lambda _: program(text), quarantine_s=0.01) as supervisor:
        await eventually(lambda: len(supervisor.events.all()) >= CRASHES, 60)
        events = supervisor.events.all()[:CRASHES]
        assert {event.kind for event in events} == {Kind.CRASHED}
        assert ["quarantined" in event.then for event in events] == [
            number >= MOST_EXITS for number in range(1, CRASHES + 1)
        ]
        assert "quarantined (it ends too often)" in supervisor.reason


async def test_a_crash_that_repeats_steps_down(tmp_path: Path) -> None:
    def launch(rung: Rung) -> Launch:
        return program(READY + FOR_EVER if rung is Rung.CPU else "import os; os.abort()")

    async with supervising(tmp_path, launch, rungs=(Rung.AS_IT_WAS, Rung.CPU)) as supervisor:
        await until_ready(supervisor)
        assert supervisor.rung is Rung.CPU
        assert supervisor.events.all()[-1].then == "CPU instead of as it was"


async def test_one_that_does_not_heed_the_polite_signal_is_killed(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    text = f'import os; print(\'{{"address": "http://127.0.0.1:9", "pid": %d}}\' % os.getpid(), flush=True); {FOR_EVER}'
    launch = Launch(command=(sys.executable, "-c", deaf + text), ready=UNPROBED, stop_grace_s=0.2)
    async with supervising(tmp_path, lambda _: launch) as supervisor:
        pid = await until_ready(supervisor)
    assert gone(pid)


async def test_after_a_quiet_day_it_climbs_but_not_under_a_call(tmp_path: Path) -> None:
    def launch(rung: Rung) -> Launch:
        return program(READY.replace('"pid": 1', f'"pid": {1 + LADDER.index(rung)}') + FOR_EVER)

    RungsFile(tmp_path / "engines" / "it.rungs.json").write("m", Known(Rung.CPU, time.time() - QUIET_S - 1))
    progress = Progress()
    progress.began(time.monotonic())
    rungs = (Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT, Rung.CPU)
    async with supervising(tmp_path, launch, rungs=rungs, progress=progress) as supervisor:
        assert await until_ready(supervisor) == 1 + LADDER.index(Rung.CPU)
        supervisor.changed.clear()
        await asyncio.sleep(3 * WATCH_S)  # it has looked, and not climbed
        assert not supervisor.changed.is_set()
        progress.ended(time.monotonic())
        await eventually(lambda: supervisor.ready and supervisor.ready.pid != 1 + LADDER.index(Rung.CPU), 10)
        assert supervisor.rung is Rung.SMALLER_CONTEXT  # one rung, then another day
        assert supervisor.events.all() == ()


async def test_a_gpu_that_is_poisoned_again_and_again_is_left_for_the_processor(tmp_path: Path) -> None:
    poisoned = "import sys, os; sys.stderr.write('CUDA error: an illegal memory access\\n'); os.abort()"

    def launch(rung: Rung) -> Launch:
        return program(READY + (FOR_EVER if rung is Rung.CPU else poisoned))

    async with supervising(tmp_path, launch, rungs=(Rung.AS_IT_WAS, Rung.CPU)) as supervisor:
        await eventually(lambda: supervisor.rung is Rung.CPU and supervisor.ready, 20)
        assert supervisor.gpu_suspect
        events = supervisor.events.all()
    assert [event.kind for event in events] == [Kind.POISONED] * POISONED_TIMES
    assert events[0].lines[0] == "CUDA error: an illegal memory access"


async def test_the_next_start_waits_until_memory_has_returned(tmp_path: Path) -> None:
    answers = [False, False, True]

    async def returned() -> bool:
        return answers.pop(0) if answers else True

    launch = program(READY)  # it ends at once
    async with supervising(tmp_path, lambda _: launch, memory_returned=returned) as supervisor:
        await eventually(lambda: len(supervisor.events.all()) >= 2, 20)
        first, second, *_ = supervisor.events.all()
    assert not answers
    assert second.at - first.at >= 2 * MEMORY_LOOK_S
