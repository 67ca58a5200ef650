"""Workloads: made up from a seed, or read from files."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from coordinator.simulate.fleets import read
from coordinator.simulate.workloads import GENERATORS, BadWorkload, workload
from coordinator.simulate.workloads.jobs import rate, stretched

FLEET = read("eight")
CSV = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:05.9799600,110,27
2023-11-16 18:17:04.4799600,3180,8
"""
JSONL = """
{"timestamp": 0, "input_length": 1100, "output_length": 5, "hash_ids": [1, 2, 3]}
{"timestamp": 500, "input_length": 700, "output_length": 6, "hash_ids": [1, 9]}
{"timestamp": 27000, "input_length": 1700, "output_length": 7, "hash_ids": [1, 2, 4, 5]}

{"timestamp": 28000, "input_length": 2, "output_length": 1}
"""


@pytest.mark.parametrize("kind", list(GENERATORS))
def test_one_call_a_second_by_the_mix_and_the_same_for_the_same_seed(kind: str) -> None:
    jobs = workload(kind, FLEET, 4_000, 1)
    assert len(jobs) == 4_000
    assert 0.8 < rate(jobs) < 1.25
    assert jobs == workload(kind, FLEET, 4_000, 1)
    assert jobs != workload(kind, FLEET, 4_000, 2)
    shares = Counter(job.model for job in jobs)
    assert shares["llama3.2:3b"] > shares["qwen3:8b"] > shares["qwen3:32b"] > shares["llama3.3:70b"] > 200
    assert all(0.79 <= job.estimated / job.prompt <= 1.26 for job in jobs if job.prompt > 100)


def test_bursts_come_faster_than_lulls() -> None:
    def busiest(kind: str) -> int:
        return max(Counter(int(job.at / 10) for job in workload(kind, FLEET, 2_000, 1)).values())

    assert busiest("bursty") > 1.5 * busiest("poisson")


@pytest.mark.parametrize(("kind", "least", "most"), [("sessions", 2, 10), ("agents", 5, 20)])
def test_chains_grow_and_follow_each_other(kind: str, least: int, most: int) -> None:
    jobs = workload(kind, FLEET, 2_000, 1)
    lengths = Counter(job.session for job in jobs)
    assert max(lengths.values()) == most
    assert sorted(lengths.values())[1] >= least  # the last chain may be cut short
    for number, job in enumerate(jobs):
        if job.follows is None:
            assert not job.continues
            continue
        before = jobs[job.follows]
        assert job.follows == number - 1
        assert (job.session, job.model, job.client) == (before.session, before.model, before.client)
        assert job.continues
        assert job.prompt > before.prompt or job.prompt == 65_536
        assert job.blocks[: len(before.blocks)] == before.blocks
        assert len(job.blocks) == job.prompt // 512


def test_agents_of_an_app_begin_alike() -> None:
    jobs = [job for job in workload("agents", FLEET, 500, 1) if job.app == "code"]
    assert len({job.blocks[:5] for job in jobs}) == 1
    assert len({job.blocks[:9] for job in jobs}) > 3
    assert len({job.prefix for job in jobs}) == 1


def test_a_few_prompts_are_long() -> None:
    long = [job for job in workload("long", FLEET, 2_000, 1) if job.prompt >= 16_000]
    assert 60 < len(long) < 140


def test_csv_as_azure_publishes_it(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    jobs = workload(str(path), FLEET, None, 1)
    assert [(job.at, job.prompt, job.answer) for job in jobs] == [
        (0.0, 4808, 10),
        (pytest.approx(0.5), 3180, 8),
        (pytest.approx(2.0), 110, 27),
    ]
    assert [job.at for job in stretched(jobs, 2.0)] == pytest.approx([0.0, 1.0, 4.0])
    assert len(workload(str(path), FLEET, 2, 1)) == 2


def test_jsonl_as_mooncake_publishes_it(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(JSONL)
    first, other, next_turn, plain = workload(str(path), FLEET, None, 1)
    assert [job.at for job in (first, other, next_turn, plain)] == [0.0, 0.5, 27.0, 28.0]
    assert (next_turn.session, next_turn.model, next_turn.client) == (
        first.session,
        first.model,
        first.client,
    )
    assert next_turn.continues
    assert other.session != first.session
    assert first.prefix == other.prefix == "1"
    assert (plain.session, plain.prefix, plain.blocks) == ("", "", ())


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "TIMESTAMP,ContextTokens\n1,2\n", "no column GeneratedTokens"),
        ("a.csv", CSV + "soon,1,2\n", "line 5: "),
        ("a.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "at least one call"),
        ("a.csv", CSV + "nan,1,2\n", "line 5: nan is no time"),
        ("a.csv", CSV + "9,-1,2\n", "line 5: -1 and 2 tokens"),
        (
            "a.jsonl",
            '{"timestamp": 1, "input_length": 1, "output_length": 100000000}\n',
            "line 1: 1 and 100000000 tokens",
        ),
        ("a.jsonl", '{"timestamp": 1}\n', "line 1: "),
        ("nothing", None, "a file, or one of poisson"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadWorkload, match=says):
        workload(str(path), FLEET, None, 1)


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = gzip.compress((CSV + 10_000 * "2023-11-16 18:17:04.4799600,3180,8\n").encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadWorkload, match="cut off or broken"):
        workload(str(tmp_path / "a.csv.gz"), FLEET, None, 1)
