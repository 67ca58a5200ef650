"""The file that gives API keys a class, as `herd` reads it at its start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "sk-in-the-wrong-place"


@pytest.mark.parametrize(("name", "reason"), [("keys", "line 1: "), ("missing", "No such file")])
def test_a_bad_file_ends_the_start_with_2_and_repeats_no_key(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "keys").write_text(f"{SECRET} batch\n")
    path = tmp_path / name
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "coordinator",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--data-dir",
            str(tmp_path),
        ],
        env={**os.environ, "FLEET_PRIORITY_KEYS": str(path), "FLEET_ENV_FILE": str(tmp_path / "none")}
        | {"FLEET_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert f"FLEET_PRIORITY_KEYS: {path}: {reason}" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
