"""Looks at a data directory: whose it is, whether it is herd's own by what is in it, what cannot be written."""

import contextlib
import os
import stat
from fnmatch import fnmatch
from pathlib import Path

from shared.doctor.seen import DirectorySeen
from shared.private import OTHERS
from shared.settings import DEFAULT_DATA_DIR

LOOKED_AT = 200
"""Files of a data directory whose rights are looked at."""
MARKS = ("coordinator-id", "latency.db", "logs/herd.jsonl", "logs/herd-node.jsonl")
"""Where one of them is, herd was."""
WRITTEN = (
    *("coordinator-id*", "latency.db*", "nodes.json*", "pinned_models.json*", "learned.json*"),
    *("run-history*", "logs", "nodes", "demo", "fleet", "local-join*", "keys.json*", "keys-used.json*"),
)
SECRETS = ("keys.json", "priorities", "local-join", "fleet", "fleet/*", "nodes/*/joined", "nodes/*/joined/*")
"""What is refused, or has no business with others, when they may read it."""
OWN = (*WRITTEN, "config.toml", "env", "engines.toml", "priorities")
"""All that README lists: where anything else is, the directory is not herd's alone."""
WRITTEN_BELOW = (
    *("fleet/*", "nodes/*/joined", "nodes/*/joined/*"),
    *("logs/herd*.jsonl*", "nodes/*", "nodes/*/id", "nodes/*/*.json", "nodes/*/*.db*"),
    *("nodes/*/engines", "nodes/*/engines/*", "nodes/*/logs", "nodes/*/logs/*"),
)


def directory(path: Path) -> DirectorySeen:
    """The data directory of either program."""
    real = Path(os.path.realpath(path))
    default = _is_default(real)
    try:
        status = real.stat()
    except FileNotFoundError:
        problem, cause = _makeable(real)
        return DirectorySeen(path=str(real), exists=False, problem=problem, cause=cause, default=default)
    except OSError as error:
        problem = error.strerror or str(error)
        return DirectorySeen(
            path=str(real), exists=False, problem=problem, cause="out_of_reach", default=default
        )
    problem, cause = _usable(real)
    mine = _is_mine(status)
    foreign, locked = ((), ()) if problem else _not_written(real)
    return DirectorySeen(
        path=str(real),
        exists=True,
        problem=problem,
        cause=cause,
        default=default,
        mine=mine,
        own=default or _is_own(real),
        foreign=foreign,
        locked=locked,
        writable_by_all=not problem and os.name != "nt" and bool(status.st_mode & 0o002),
        readable_by_others=not problem and os.name != "nt" and bool(status.st_mode & OTHERS),
        wide_secrets=_wide_secrets(real) if not problem and os.name != "nt" else (),
    )


def _usable(path: Path) -> tuple[str, str]:
    if not path.is_dir():
        return "it is no directory", "no_directory"
    if _is_read_only(path):
        return "its file system is mounted for reading only", "out_of_reach"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return "this user may not write there", "rights"
    return "", ""


def _makeable(path: Path) -> tuple[str, str]:
    """Why it cannot be made, and the kind of that; empty: it can."""
    there = next((parent for parent in path.parents if parent.exists()), path)
    if not there.is_dir():
        return f"{there} is no directory", "out_of_reach"
    if _is_read_only(there):
        return f"the file system of {there} is mounted for reading only", "out_of_reach"
    if os.access(there, os.W_OK | os.X_OK):
        return "", ""
    return f"this user may not write to {there}", "parent"


def _is_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY) if hasattr(os, "statvfs") else False
    except OSError:
        return False


def _is_mine(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _is_default(real: Path) -> bool:
    """A link from there to elsewhere is not: what it leads to may be anything."""
    default = Path(DEFAULT_DATA_DIR).expanduser()
    return real == Path(os.path.realpath(default.parent)) / default.name


def _is_own(path: Path) -> bool:
    """Herd was here, and nobody else. A mark alone is not enough: herd may once have been started in /var/lib."""
    try:
        names = [each.name for each in path.iterdir()]
        marked = any((path / mark).exists() for mark in MARKS)
    except OSError:
        return False
    return marked and all(any(fnmatch(name, known) for known in OWN) for name in names)


def _not_written(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of what herd writes: what somebody else owns, and what this user owns and may not write."""
    found = [each for pattern in (*WRITTEN, *WRITTEN_BELOW) for each in sorted(path.glob(pattern))]
    foreign: list[str] = []
    locked: list[str] = []
    for each in found[:LOOKED_AT]:
        try:
            status = each.lstat()
            refused = not os.access(each, os.W_OK | (os.X_OK if each.is_dir() else 0))
        except OSError:
            continue
        if refused and not each.is_symlink():
            (locked if _is_mine(status) else foreign).append(str(each.relative_to(path)))
    return tuple(foreign), tuple(locked)


def _wide_secrets(path: Path) -> tuple[str, ...]:
    """Of the secrets, those that other users may read, as far as this one can tell."""
    found = [each for pattern in SECRETS for each in sorted(path.glob(pattern))]
    wide: list[str] = []
    for each in found[:LOOKED_AT]:
        with contextlib.suppress(OSError):
            mode = each.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                wide.append(str(each.relative_to(path)))
    return tuple(wide)
