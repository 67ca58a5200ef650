"""From what was seen to the figures, goals and table of `scripts/bench`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.bench import peers
from tests.benchmarks.bench.figures import Cell, Quantiles, Row, merged, own_cpu, quantile, rows
from tests.benchmarks.bench.goals import Goal, goals
from tests.benchmarks.bench.rest import Resting
from tests.benchmarks.bench.scale import Scale
from tests.benchmarks.bench.scenarios import calls, every_scenario, paced, window_s
from tests.benchmarks.bench.table import Machine, Report, lines, number


def a_cell(subject: str, scenario: str = "calls-64", *, cpu_s: float = 1.0, count: int = 1_000) -> Cell:
    return Cell(
        subject=subject,
        scenario=scenario,
        own="" if subject == "direct" else subject,
        seconds=2.0,
        calls=count,
        first_byte_s=[0.001, 0.002, 0.003],
        cpu_s={subject: cpu_s, "load": 0.5},
        rss_bytes={subject: 50_000_000},
    )


def of(made: list[Row], subject: str) -> Row:
    return next(row for row in made if row.subject == subject)


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(each) for each in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51.0
    assert quantile(values, 0.99) == 100.0
    assert quantile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


def test_rounds_of_one_subject_add_up() -> None:
    one = a_cell("nginx")
    two = msgspec.structs.replace(one, rss_bytes={"nginx": 60_000_000}, errors={"status 503": 2})
    whole = merged([one, two, two])
    assert (whole.seconds, whole.calls, whole.cpu_s) == (6.0, 3_000, {"nginx": 3.0, "load": 1.5})
    assert whole.rss_bytes == {"nginx": 60_000_000}, "the largest, not the sum"
    assert whole.errors == {"status 503": 4}
    assert len(whole.first_byte_s) == 9


def test_rounds_of_different_subjects_do_not() -> None:
    with pytest.raises(ValueError, match="go together"):
        merged([a_cell("nginx"), a_cell("bare")])


def test_cost_and_rate_stand_beside_nginx_and_direct() -> None:
    made = rows(
        [a_cell("direct", count=4_000), a_cell("nginx", cpu_s=0.02), a_cell("coordinator", cpu_s=0.1)]
    )
    row = of(made, "coordinator")
    assert (row.calls_per_s, row.chunks_per_s) == (500.0, 0.0)
    assert own_cpu(row) == pytest.approx(0.1)
    assert row.cpu_to_nginx == pytest.approx(5.0)
    assert (row.rate_to_direct, row.rate_to_nginx) == (0.25, 1.0)
    assert row.added_ms == Quantiles(0.0, 0.0, 0.0)
    assert row.busy["coordinator"] == pytest.approx(0.05)
    assert (of(made, "direct").added_ms, of(made, "nginx").cpu_to_nginx) == (None, None)


def test_streams_are_counted_by_their_chunks() -> None:
    cell = msgspec.structs.replace(a_cell("bare", "paced-64"), tokens=50_000, gaps_s=[0.02, 0.03])
    (row,) = rows([cell])
    assert (row.chunks_per_s, row.gap_p99_ms) == (25_000.0, 30.0)
    assert row.cpu_per_1000_calls == {}
    assert own_cpu(row) == pytest.approx(2.0)


def test_nothing_measured_gives_no_figure() -> None:
    (row,) = rows([Cell(subject="bare", scenario="calls-1", own="bare", seconds=1.0)])
    assert (row.calls_per_s, row.first_byte_ms, own_cpu(row)) == (0.0, None, None)


def test_scenarios_of_one_table_stay_together_and_in_order() -> None:
    made = rows([a_cell("bare", "a"), a_cell("bare", "b"), a_cell("nginx", "b"), a_cell("nginx", "a")])
    assert [(row.scenario, row.subject) for row in made] == [
        ("a", "bare"), ("a", "nginx"), ("b", "bare"), ("b", "nginx"),
    ]  # fmt: skip


def measured(made: list[Row], scale: Scale | None = None, resting: Sequence[Resting] = ()) -> dict[str, Goal]:
    return {each.name: each for each in goals(made, scale, resting) if each.value is not None}


def test_every_goal_is_told_and_what_was_not_measured_says_how_to() -> None:
    told = goals([], None, [])
    assert len(told) == len({each.name for each in told}) == 22
    assert not any(each.met for each in told)
    assert {each.words for each in told} == {
        "not measured: calls-64 through coordinator beside nginx",
        "not measured: calls-64 through gateway beside nginx",
        "not measured: paced-64 through coordinator",
        "not measured: paced-64 through coordinator beside nginx",
        "not measured: paced-1000 through coordinator",
        "not measured: paced-1000 through coordinator beside nginx",
        "not measured: --peers",
        "not measured: --scale",
        "not measured: --rest",
    }
    everything = goals([], A_SCALE, [A_REST, msgspec.structs.replace(A_REST, program="herd")])
    assert [each.name for each in everything] == [each.name for each in told]


def test_goals_are_judged_by_what_was_measured() -> None:
    made = rows([a_cell("nginx", cpu_s=0.02), a_cell("coordinator", cpu_s=0.14)])
    told = measured(made)
    assert set(told) == {"coordinator, calls-64: CPU of a call", "coordinator, calls-64: calls/s"}
    cost = told["coordinator, calls-64: CPU of a call"]
    assert (cost.met, cost.words) == (False, "missed, 1.17 times off")
    assert told["coordinator, calls-64: calls/s"].words == "met"


def test_a_peer_is_compared_with_the_coordinator() -> None:
    made = rows([a_cell("coordinator", cpu_s=0.1), a_cell("ollama-herd", cpu_s=12.0)])
    (goal,) = measured(made).values()
    assert goal.value == pytest.approx(120.0)
    assert goal.met


A_SCALE = Scale(
    nodes=1_000,
    calls_per_s_one_node=1_000.0,
    calls_per_s=500.0,
    ratio=0.5,
    cpu_per_1000_calls_one_node=0.7,
    cpu_per_1000_calls=0.8,
    cpu_ratio=0.8 / 0.7,
    beat_us=140.0,
    beats_failed=0,
    reply_p99_ms=3.0,
    view_p50_ms=20.0,
    view_kb=3_000.0,
    rss_mb=130.0,
    streams_asked=2_000,
    streams_open=1_999,
    streams_errors={"connection closed in a call": 1},
    streams_rss_mb=180.0,
    streams_node_rss_mb=100.0,
)


A_REST = Resting(program="herd-node", start_s=0.6, import_s=0.4, rss_mb=61.0, idle=0.004)


def test_goals_of_scale_and_rest() -> None:
    told = {name: each.words for name, each in measured([], A_SCALE, [A_REST]).items()}
    assert told == {
        "1,000 nodes: calls/s": "missed, 1.40 times off",
        "1,000 nodes: CPU of a beat": "met",
        "2,000 open streams: not open": "missed",
        "2,000 open streams: RSS": "met",
        "herd-node: first answer": "met",
        "herd-node: RSS at rest": "missed, 1.02 times off",
        "herd-node: idle": "met",
    }


def test_the_windows_fit_into_the_budget() -> None:
    assert window_s(100.0, 20, 2.0, least_s=0.5, most_s=4.0) == 3.0
    assert window_s(100.0, 1, 2.0, least_s=0.5, most_s=4.0) == 4.0
    assert window_s(1.0, 20, 2.0, least_s=0.5, most_s=4.0) == 0.5


def test_paced_streams_do_not_begin_or_end_together() -> None:
    first = paced(64).first_tokens()
    assert len(set(first)) == len(first) == 16
    assert max(first) == 200
    assert paced(64).ramp_s >= 1.0
    assert calls(64).first_tokens() == ()
    assert len({each.name for each in every_scenario()}) == 12


def test_the_table_tells_all_there_is() -> None:
    made = rows([a_cell("nginx", cpu_s=0.02), a_cell("coordinator", cpu_s=1.9)])
    machine = Machine(
        cpu="a processor", cores=2, memory_gb=8.0, system="Linux 6", python="3.11", pinned="p", others=0.5
    )
    resting = [Resting(program="herd", start_s=0.6, import_s=0.4, rss_mb=55.0, idle=0.001)]
    report = Report(
        date="2026-01-01", machine=machine, rows=made, scale=A_SCALE, rest=resting,
        goals=goals(made, A_SCALE, resting), notes=["litellm: cannot be installed"],
    )  # fmt: skip
    text = "\n".join(lines(report))
    assert "other programs took 0.50 cores" in text
    assert "coordinator 95% (limit)" in text
    assert "| coordinator, calls-64: CPU of a call " in text
    assert "not measured: paced-64 through coordinator" in text
    assert "Goals: 6 met, 3 missed, 13 not measured here." in text
    assert "Left out: litellm: cannot be installed." in text
    widths = {
        len(line)
        for line in text.splitlines()
        if line.startswith(("| calls-64", "| nginx", "| coordinator |"))
    }
    assert len(widths) == 1


def test_numbers_have_three_digits_that_tell_something() -> None:
    assert [number(each) for each in (0.01234, 1.234, 45_678.9)] == ["0.0123", "1.23", "45,679"]


def test_peers_that_cannot_be_installed_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-file"))
    refused = peers.install(lambda _: None)
    assert set(refused) == {"ollama-herd", "litellm"}
    assert "Not a directory" in refused["litellm"]
    assert peers.makers(refused) == {}
