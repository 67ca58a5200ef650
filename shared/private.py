"""What a program keeps is for its own user: files are made so, and a secret that others may read is none."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class TooWide(Exception):
    """Others may read it, or change it; the text has the command that mends it."""


def is_open(path: Path) -> bool:
    """Whether others may change it. Raises OSError."""
    return os.name != "nt" and bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def keep_private() -> None:
    """From now on what this process and its children make is 0600 and 0700. For a program, at its start."""
    os.umask(OTHERS)


def check_private(path: Path) -> None:
    """Of a file that holds a secret. Raises TooWide, OSError. Where a system has no such rights, nothing."""
    if os.name != "nt" and path.stat().st_mode & OTHERS:
        raise TooWide(f"{path} holds a secret and others may read it: chmod go= '{path}'")
