"""Which browser is opened: programs of this test's own stand in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.harness import REPOSITORY

PROGRAM = "from coordinator.top.browser import opened; opened('http://127.0.0.1:9/')"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is a desktop")


def opened_by(tmp_path: Path, program: str, **environment: str) -> bool:
    """Whether it was begun, where there is this program and no other."""
    stand_in = tmp_path / program
    stand_in.write_text(f"#!/bin/sh\n: > {tmp_path}/asked\n")
    stand_in.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    kept.pop("BROWSER", None)
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        env={**kept, "TERM": "xterm", "PATH": str(tmp_path), **environment},
        capture_output=True,
        check=True,
    )  # which has ended once the browser, too, has let go of its output
    return (tmp_path / "asked").exists()


def test_a_desktop_opens_it(tmp_path: Path) -> None:
    assert opened_by(tmp_path, "xdg-open", DISPLAY=":0")


@pytest.mark.parametrize("program", ["www-browser", "w3m", "lynx"])
def test_no_browser_that_takes_the_keys(tmp_path: Path, program: str) -> None:
    assert not opened_by(tmp_path, program)
