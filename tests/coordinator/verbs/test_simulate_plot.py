"""`herd simulate --plot` and `--from`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coordinator.cli import main

ROOT = Path(__file__).parents[3]
WITHOUT_THE_LIBRARY = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

sys.meta_path.insert(0, Without())
from coordinator.cli import main
main()
"""


def asked(*options: str) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["simulate", *options])


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small sweep, with the plot that was drawn of it beside."""
    path = tmp_path_factory.mktemp("simulated") / "result.json"
    told = asked(
        *("--calls", "20", "--sweep", "--policy", "weighted", "--policy", "round-robin"),
        *("--json", "--plot", str(path.with_suffix(".svg"))),
    )
    assert told.exit_code == 0, told.output
    path.write_text(told.stdout)
    return path


def test_a_sweep_is_drawn_beside_what_is_told(result: Path) -> None:
    assert len(json.loads(result.read_text())["outcomes"]) == 4
    drawn = result.with_suffix(".svg").read_text()
    assert drawn.startswith("<?xml")
    assert "round-robin" in drawn
    assert "120%" in drawn


def test_a_stored_result_gives_the_same_plot_and_figures(result: Path, tmp_path: Path) -> None:
    told = asked("--from", str(result), "--plot", str(tmp_path / "again.svg"), "--json")
    assert (told.exit_code, told.stdout) == (0, result.read_text())
    assert (tmp_path / "again.svg").read_bytes() == result.with_suffix(".svg").read_bytes()
    table = asked("--from", str(result)).output
    assert "20 calls of poisson" in table
    assert "times less than weighted" in table


def test_parts_of_a_sweep_are_told_as_one(tmp_path: Path) -> None:
    def of_seeds(name: str, first: int, seeds: int) -> Path:
        told = asked(
            *("--calls", "20", "--sweep", "--policy", "weighted", "--policy", "round-robin", "--json"),
            *("--seed", str(first), "--seeds", str(seeds)),
        )
        (tmp_path / name).write_text(told.stdout)
        return tmp_path / name

    whole, one, two = of_seeds("whole", 1, 2), of_seeds("one", 1, 1), of_seeds("two", 2, 1)
    assert asked("--from", str(one), "--from", str(two), "--json").stdout == whole.read_text()
    twice = asked("--from", str(one), "--from", str(whole))
    assert (twice.exit_code, "a seed is there twice" in twice.output) == (2, True)
    two.write_text(two.read_text().replace('"calls": 20,', '"calls": 21,', 1))
    other = asked("--from", str(one), "--from", str(two))
    assert (other.exit_code, "only the seeds may differ" in other.output) == (2, True)


def test_without_the_library_it_says_what_to_install(result: Path, tmp_path: Path) -> None:
    def without(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_THE_LIBRARY, "simulate", *options]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    told = without("--calls", "1000000", "--plot", str(tmp_path / "none.svg"))  # said before all that
    assert told.returncode == 2
    assert "pip install '.[plots]'" in told.stderr
    assert "Traceback" not in told.stderr
    assert not list(tmp_path.iterdir())
    assert without("--from", str(result)).returncode == 0  # nobody else needs it


def test_a_file_that_cannot_be_written_is_told(result: Path, tmp_path: Path) -> None:
    (tmp_path / "there.svg").symlink_to(tmp_path / "nowhere" / "there.svg")
    told = asked("--from", str(result), "--plot", str(tmp_path / "there.svg"))
    assert told.exit_code == 2
    assert "--plot: " in told.output
    assert "No such file" in told.output


def test_a_file_that_is_no_result_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"outcomes": 3}')
    told = asked("--from", str(tmp_path / "other.json"))
    assert told.exit_code == 2
    assert "other.json: not what --json tells" in told.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--plot", "plot.png"), "does not end in .svg"),
        (("--plot", "nowhere/plot.svg"), "there is no folder nowhere"),
        (("--load", "nan"), "not a number"),
        (("--rate", "inf"), "not in the range"),
        (("--scale", "nan"), "not a number"),
        (("--from", "nothing.json"), "does not exist"),
        (("--from", __file__, "--sweep"), "--sweep: with --from nothing is simulated"),
        (("--from", __file__, "--fleet", "home"), "--fleet: with --from nothing is simulated"),
    ],
)
def test_wrong_usage_is_told(options: tuple[str, ...], says: str) -> None:
    told = asked(*options)
    assert told.exit_code == 2
    assert says in told.output
