"""What the verbs leave in the agent's directory."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.control import FILE, Control, Drain, Pause, read, write

ROOT = Path(__file__).parents[3]
HOUR_S = 3600.0


def herd_node(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        cwd=ROOT,
        env=kept
        | {"FLEET_NODE_DATA_DIR": str(data_dir), "FLEET_ENV_FILE": str(data_dir / "none")}
        | {"FLEET_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def a_node(data_dir: Path, name: str) -> Path:
    directory = data_dir / "nodes" / name
    directory.mkdir(parents=True)
    return directory / FILE


def test_pause_and_resume(tmp_path: Path) -> None:
    """What else is asked of the agent stays."""
    path = a_node(tmp_path, "laptop")
    drain = Drain(since=1.0, deadline_s=2.0)
    write(path, Control(drain=drain))
    told = herd_node(tmp_path, "pause")
    assert (told.returncode, told.stdout) == (0, "laptop is paused: it takes no new calls\n"), told.stderr
    assert read(path) == Control(drain=drain, pause=Pause())
    before = time.time()
    assert "no new calls until 20" in herd_node(tmp_path, "pause", "--for", "2h").stdout
    asked = read(path).pause
    assert asked is not None
    assert asked.until == pytest.approx(before + 2 * HOUR_S, abs=60)
    assert herd_node(tmp_path, "resume").stdout == "laptop takes calls again\n"
    assert read(path) == Control(drain=drain)


def test_full_takes_the_place_of_a_pause(tmp_path: Path) -> None:
    path = a_node(tmp_path, "laptop")
    write(path, Control(pause=Pause()))
    told = herd_node(tmp_path, "resume", "--full", "--for", "1d")
    assert "laptop takes calls whatever its owner does until 20" in told.stdout
    found = read(path)
    assert found.pause is None
    assert found.share is not None
    assert found.share.until == pytest.approx(time.time() + 24 * HOUR_S, abs=60)


def test_which_agent(tmp_path: Path) -> None:
    none = herd_node(tmp_path, "pause")
    assert (none.returncode, none.stdout) == (3, "")
    assert "--data-dir" in none.stderr
    first, second = a_node(tmp_path, "desk"), a_node(tmp_path, "laptop")
    several = herd_node(tmp_path, "pause")
    assert several.returncode == 2
    assert "--node-id" in several.stderr
    assert "desk, laptop" in several.stderr
    unknown = herd_node(tmp_path, "pause", "--node-id", "lapton")
    assert unknown.returncode == 3
    assert "desk, laptop" in unknown.stderr
    assert herd_node(tmp_path, "pause", "--node-id", "laptop").returncode == 0
    assert herd_node(tmp_path, "--node-id", "desk", "pause", "--for", "1m").returncode == 0
    assert read(second) == Control(pause=Pause())
    assert read(first).pause != Pause()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["pause", "--for", "tomorrow"], "'tomorrow' is no time; write it as 30s, 10m or 1h30m"),
        (["pause", "--for", "0s"], "longer than nothing"),
        (["pause", "--for", "400d"], "more than a year"),
        (["resume", "--for", "2h"], "--for goes with --full"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], why: str, tmp_path: Path) -> None:
    path = a_node(tmp_path, "laptop")
    told = herd_node(tmp_path, *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert why in told.stderr
    assert not path.exists()
