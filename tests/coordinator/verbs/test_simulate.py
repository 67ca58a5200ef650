"""The command line of `herd simulate`, and how it looks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coordinator.cli import main
from coordinator.simulate.entrants import ENTRANTS

ROOT = Path(__file__).parents[3]


def asked(*options: str, columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["simulate", "--calls", "60", *options])


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_its_terminal(columns: int) -> None:
    told = asked(columns=columns)
    print(told.output)  # noqa: T201 - to be looked at
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert max(map(len, lines)) <= columns
    assert "60 calls of poisson" in told.output
    headings = [line for line in lines if line.startswith("POLICY")]
    assert len(headings) == (3 if columns == 80 else 2), (
        "of the figures, in one part or two, and of the gains"
    )
    assert " ".join(headings[:-1]).split()[-5:] == ["LOADS", "EVICTED", "MOVED", "LOST", "FAIR"]
    told_of = [line.split()[0] for line in lines if line.startswith((*ENTRANTS, "bound"))]
    assert told_of[: len(ENTRANTS) + 1] == [*ENTRANTS, "bound"]


def test_json_has_every_figure() -> None:
    asked_for = ("--policy", "weighted", "--policy", "predictive")
    told = json.loads(asked("--json", "--sweep", "--seeds", "2", "--seed", "5", *asked_for).stdout)
    assert [(each["seed"], each["load"]) for each in told["outcomes"]] == [
        (seed, load) for seed in (5, 6) for load in (0.3, 0.6, 0.9, 1.2)
    ]
    weighted, predictive, bound = told["outcomes"][0]["policies"]
    assert [each["policy"] for each in (weighted, predictive, bound)] == ["weighted", "predictive", "bound"]
    assert set(weighted["ttft_s"]) == set(weighted["total_s"]) == {"mean", "p50", "p95", "p99"}
    assert weighted["completed"] + weighted["lost"] == weighted["calls"] == 60
    assert weighted["total_s"]["mean"] > bound["total_s"]["mean"] > 0


def test_the_same_seed_gives_the_same_bytes() -> None:
    command = [
        sys.executable,
        "-m",
        "coordinator",
        "simulate",
        "--json",
        "--fleet",
        "eight",
        "--calls",
        "120",
    ]
    told = [
        subprocess.run(
            [*command, "--workload", "agents"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert asked("--seed", "1").output != asked("--seed", "2").output


def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path) -> None:
    asked_for = ("--seeds", "3", "--rate", "0.3", "--policy", "weighted", "--policy", "random", "--json")
    alone, beside = asked(*asked_for), asked(*asked_for, "--jobs", "2")
    assert [each["seed"] for each in json.loads(beside.stdout)["outcomes"]] == [1, 2, 3]
    assert beside.stdout == alone.stdout
    bad = tmp_path / "bad.csv"
    bad.write_text("no columns")
    told = asked("--workload", str(bad), "--seeds", "2", "--jobs", "2")
    assert (told.exit_code, "no column TIMESTAMP" in told.output) == (2, True), told.output


def test_a_file_comes_as_it_says_and_scale_stretches_it(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    rows = [f"{number * 10},300,20" for number in range(20)]
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]))
    told = json.loads(asked("--workload", str(path), "--scale", "2", "--json").stdout)
    (outcome,) = told["outcomes"]
    assert outcome["rate"] == pytest.approx(20 / 380)
    assert (outcome["load"], outcome["saturation"]) == (None, None)
    assert outcome["policies"][0]["calls"] == 20


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--policy", "weigthed"), "near: weighted"),
        (("--policy", "weighted", "--all"), "one of: --policy, --all"),
        (("--load", "0.5", "--sweep"), "one of: --load, --rate, --sweep"),
        (("--fleet", "nowhere"), "a file, or one of"),
        (("--workload", "nothing"), "a file, or one of"),
    ],
)
def test_wrong_usage_is_told(options: tuple[str, ...], says: str) -> None:
    told = asked(*options)
    assert told.exit_code == 2
    assert says in told.output
