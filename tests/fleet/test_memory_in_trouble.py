"""Under load: a killed coordinator, a locked, full, absent or spoilt file of traces. No call pays. A fake engine."""

import contextlib
import json
import shutil
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.exposition import families
from tests.fakes.traces import rows
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import Herd, herd, node
from tests.fleet.loading import CLIENTS, Answer, Load
from tests.fleet.small_disk import SmallDisk, can_mount, mounted

ON_DISK_S = 0.5
"""A row is in the file that long after its call was answered."""
LOCKED_S = 3.0
IDS = "SELECT request_id FROM request_traces"


@contextlib.asynccontextmanager
async def fleet(
    data_dir: Path, fake: FakeEngine, within: Sequence[str] = (), *, open: bool = False
) -> AsyncIterator[Herd]:
    """A coordinator and one node. `open`: which then has nothing to join by."""
    async with (
        herd(data_dir, inside=within, open=open) as coordinator,
        node(
            *(data_dir, coordinator.address, "node-1"),
            ollama=fake.address,
            slots=CLIENTS,
            local_join=f"/proc/{coordinator.pid}/root{data_dir}/herd/local-join",  # the disk may be its own
            open=open,
        ),
    ):
        await coordinator.ready("node-1")
        yield coordinator


def an_engine(delay_s: float = 0.02) -> contextlib.AbstractAsyncContextManager[FakeEngine]:
    return FakeEngine.run(["m"], loaded=["m"], slots=64, name="node-1", first_token_delay_s=delay_s)


def database(data_dir: Path) -> Path:
    return data_dir / "herd" / "latency.db"


def ids(path: Path) -> Counter[str]:
    return Counter(row["request_id"] for row in rows(path, IDS))


async def traces(herd: Herd) -> dict[str, Any]:
    told: dict[str, Any] = (await herd.get("/fleet/status"))["traces"]
    return told


async def error_shown(herd: Herd, *words: str) -> None:
    """Waits until /fleet/status says one of these."""

    async def shown() -> bool:
        error = (await traces(herd))["error"]
        return any(word in error for word in words)

    await eventually(shown, 10)


async def all_settled(herd: Herd, calls: int) -> dict[str, Any]:
    """Once each call is either in the file or counted as dropped: the store's state."""
    told: dict[str, Any] = {}

    async def settled() -> bool:
        told.update(await traces(herd))
        return bool(told["written"] + told["dropped"] == calls and not told["queued"] and not told["error"])

    await eventually(settled, 30)
    return told


async def dropped_by_metric(herd: Herd) -> float:
    async with herd.session.get(herd.address + "/metrics") as response:
        found = families(await response.text())
    return found["herd_traces_dropped_total"].value("herd_traces_dropped_total")


def copied(path: Path, to: Path) -> Path:
    """SQLite follows links, and a path into another's mounts is one to it: there it would open our own."""
    for end in ("", "-wal"):
        shutil.copy(path.with_name(path.name + end), to)
    return to / path.name


def all_good(answers: list[Answer]) -> bool:
    return len(answers) > CLIENTS and {answer.status for answer in answers} == {200}


def slowest(answers: list[Answer]) -> float:
    """Seconds in which 19 of 20 were answered."""
    return statistics.quantiles([answer.took_s for answer in answers], n=20)[-1]


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
async def test_a_kill_under_load_costs_the_last_half_second_at_most(tmp_path: Path, delay_s: float) -> None:
    """Rows are written when many wait, or the first has waited for long: each of the two is met."""
    async with an_engine(delay_s) as fake:
        async with fleet(tmp_path, fake) as herd:
            load = Load(herd)
            async with load.running("before"):
                began = time.monotonic()
                await eventually(lambda: time.monotonic() > began + 3 and len(load.answers) > 100, 30)
                until = time.monotonic() + ON_DISK_S
                await eventually(lambda: time.monotonic() > until)
                killed_at = time.monotonic()
                await herd.kill()
        assert all_good([answer for answer in load.answers if answer.at < killed_at])
        due = {answer.call_id for answer in load.answers if answer.at < killed_at - ON_DISK_S}
        assert len(due) > 100
        found = ids(database(tmp_path))
        assert due - set(found) == set()
        assert set(found.values()) == {1}
        assert rows(database(tmp_path), "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        async with fleet(tmp_path, fake) as herd:
            await ask(herd, call_id="after")
            await all_settled(herd, 1)
        assert ids(database(tmp_path)) == found + Counter(["after"])


async def test_a_file_locked_under_load_slows_no_call_and_loses_no_row(tmp_path: Path) -> None:
    async with an_engine() as fake, fleet(tmp_path, fake) as herd:
        load = Load(herd)
        free = await load.for_seconds(2, "free")
        await all_settled(herd, len(load.answers))
        with closing(sqlite3.connect(database(tmp_path), isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            locked = await load.for_seconds(LOCKED_S, "locked")
            await error_shown(herd, "locked")
            connection.execute("ROLLBACK")
        told = await all_settled(herd, len(load.answers))
        assert told["dropped"] == 0
        assert all_good(free)
        assert all_good(locked)
        assert slowest(locked) < 3 * slowest(free) + 0.1
        assert set(ids(database(tmp_path))) == {answer.call_id for answer in load.answers}


async def test_a_full_disk_under_load_fails_no_call_and_is_told(tmp_path: Path) -> None:
    is_mounted = can_mount()
    within = mounted(tmp_path / "herd", "size=4m") if is_mounted else ()
    async with an_engine() as fake, fleet(tmp_path, fake, within) as herd:
        disk = SmallDisk(herd.pid, tmp_path / "herd", is_mounted=is_mounted)
        load = Load(herd)
        await load.for_seconds(1, "roomy")
        await all_settled(herd, len(load.answers))
        disk.fill()
        await load.for_seconds(3, "full")
        await error_shown(herd, "full", "disk")
        await eventually(lambda: dropped_by_metric(herd), 20)
        disk.free()
        await ask(herd, call_id="after")
        told = await all_settled(herd, len(load.answers) + 1)
        assert told["dropped"] > 0
        assert told["dropped"] == await dropped_by_metric(herd)
        assert all_good(load.answers)
        found = ids(copied(disk.path / "latency.db", tmp_path))
        assert found["after"] == 1
        assert len(found) == told["written"]
        assert all(answer.call_id in found for answer in load.answers if answer.call_id.startswith("roomy"))
        if is_mounted:  # else the terminal's file cannot grow either
            await eventually(lambda: "the log file is written again" in herd.log.read_text())
            said = herd.log.read_text()
            assert "traces cannot be written now: latency.db" in said
            assert "traces dropped: " in said
            assert "no log file: " in said
        lines = [_logged(line) for line in (disk.path / "logs" / "herd.jsonl").read_text().splitlines()]
        assert lines.count({}) <= 1, "the line in which the disk became full"
        assert "after" in [line.get("request_id") for line in lines]


def _logged(line: str) -> dict[str, Any]:
    """Empty for a line that was cut off."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


async def serves_and_reports(herd: Herd, word: str) -> None:
    """Calls are answered, the trouble is in /fleet/status, and reading the past says why it cannot be read."""
    load = Load(herd)
    assert all_good(await load.for_seconds(1, "call"))
    await error_shown(herd, word)
    async with herd.session.get(herd.address + "/dashboard/api/traces") as response:
        assert response.status == 503
        assert "latency.db cannot be read" in await response.text()
    await eventually(lambda: "traces cannot be written now" in herd.log.read_text())


async def test_a_data_directory_that_takes_nothing(tmp_path: Path) -> None:
    if can_mount():
        within = mounted(tmp_path / "herd", "ro")
    else:
        within = ()
        (tmp_path / "herd").write_text("a file where the directory should be")
    async with an_engine() as fake, fleet(tmp_path, fake, within, open=True) as herd:
        await serves_and_reports(herd, "latency.db")
        await eventually(lambda: "no log file: " in herd.log.read_text())
        assert "the fleet's certificates cannot be kept: " in herd.log.read_text()


async def test_a_directory_where_the_file_should_be(tmp_path: Path) -> None:
    database(tmp_path).mkdir(parents=True)
    async with an_engine() as fake, fleet(tmp_path, fake) as herd:
        await serves_and_reports(herd, "unable to open")


@pytest.mark.parametrize("running", [False, True])
async def test_a_spoilt_file_is_put_aside_and_no_call_notices(tmp_path: Path, running: bool) -> None:
    if not running:
        database(tmp_path).parent.mkdir(parents=True)
        spoil(database(tmp_path))
    async with an_engine() as fake, fleet(tmp_path, fake) as herd:
        load = Load(herd)
        async with load.running("call"):
            if running:
                await eventually(lambda: len(ids(database(tmp_path))) > 100)
                spoil(database(tmp_path).with_name("latency.db-wal"))
                spoil(database(tmp_path))
                async with herd.session.get(herd.address + "/dashboard/api/overview") as response:
                    assert (
                        response.status == 503
                    )  # the writer alone, at the end of the file, would notice late
            await eventually(lambda: len(load.answers) > 200)
        assert all_good(load.answers)
        await eventually(lambda: list(database(tmp_path).parent.glob("latency.db.corrupt-*")), 10)
        await ask(herd, call_id="after")
        told = await all_settled(herd, len(load.answers) + 1)
        assert told["dropped"] == 0
        assert [row["request_id"] for row in (await herd.get("/dashboard/api/traces?limit=1"))["traces"]] == [
            "after"
        ]
        await eventually(lambda: "latency.db is corrupt: moved aside" in herd.log.read_text())


def spoil(path: Path) -> None:
    """Writes nonsense over all of it, in place."""
    size = path.stat().st_size if path.exists() else 40_000
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(b"no database " * (size // 12))
