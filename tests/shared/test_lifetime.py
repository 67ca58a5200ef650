"""The end of a program whose terminal is gone."""

import subprocess
import sys

import pytest

CLOSED = """
import os, pty, sys
from shared.lifetime import let_go_of_terminal
ours, theirs = pty.openpty()
os.dup2(theirs, 1)
os.close(ours)
sys.stdout = open(1, "w", closefd=False)
sys.stdout.write("to nobody")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize(("more", "code"), [("", 120), ("let_go_of_terminal()", 0)])
def test_what_nobody_can_read_any_more_is_no_failure(more: str, code: int) -> None:
    ended = subprocess.run([sys.executable, "-c", CLOSED + more], check=False, capture_output=True)
    assert ended.returncode == code, ended.stderr
