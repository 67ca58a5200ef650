"""`scripts/bench` as a person runs it."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.bench.processes import Cores
from tests.benchmarks.bench.scale import scale
from tests.benchmarks.bench.subjects import Place, fake_engine
from tests.benchmarks.bench.table import Report

pytestmark = [pytest.mark.alone, pytest.mark.long]

REPOSITORY = Path(__file__).parent.parent.parent
WITHIN_S = 110.0


def test_a_quick_run_tells_all_of_one_subject() -> None:
    command = ["scripts/bench", "--quick", "--only", "coordinator", "--json"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout, type=Report)
    assert report.seconds < 60
    assert {(row.scenario, row.subject) for row in report.rows} == {
        (scenario, subject) for scenario in ("calls-64", "paced-64") for subject in ("direct", "coordinator")
    }
    for row in report.rows:
        assert row.errors == {}, (row.scenario, row.subject)
        assert row.first_byte_ms is not None
        assert row.calls_per_s + row.chunks_per_s > 0
    for row in (each for each in report.rows if each.subject == "coordinator"):
        costs = row.cpu_per_100k_chunks or row.cpu_per_1000_calls
        assert set(costs) == {"coordinator", "node", "engine", "load"}
        assert all(value > 0 for value in costs.values())
        assert set(row.rss_mb) == {"coordinator", "node", "engine"}
        assert row.added_ms is not None
        assert row.rate_to_direct is not None
    assert len(report.goals) == len(report.verdicts) >= 2
    assert report.machine.cores >= 1


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    done = subprocess.run(
        ["scripts/bench", "--scenario", "calls-7"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 2
    assert "calls-64" in done.stderr


def test_scale_tells_all_of_a_small_fleet(tmp_path: Path) -> None:
    cores = Cores()
    with fake_engine(tmp_path, cores) as (engine, url):
        place = Place(engine_url=url, engine=engine, directory=tmp_path, cores=cores)
        told = scale(place, lambda _: None, nodes=20, streams=40, rounds=1)
    assert (told.streams_open, told.streams_errors, told.beats_failed) == (40, {}, 0)
    assert min(told.calls_per_s, told.calls_per_s_one_node, told.reply_p99_ms) > 0
    assert 0 < told.beat_us < 50_000
    assert told.view_kb > 20, "of each node something"
    assert told.rss_mb > 20
