"""What doctor says of the data directory. Pure.

Whatever it says may be pasted: nothing is given away with chown but what is herd's own beyond doubt.
"""

from collections.abc import Iterator, Mapping
from shlex import join, quote
from typing import Any

from shared.doctor.commands import started
from shared.doctor.seen import DirectorySeen
from shared.finding import Finding
from shared.settings import DEFAULT_DATA_DIR


def directory(seen: DirectorySeen, program: str, given: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """data_dir_unusable, data_dir_foreign, data_dir_locked, secret_wide, data_dir_open, data_dir_wide.

    `given`: doctor's flags.
    """
    elsewhere = "" if seen.default else started(program, given, data_dir=DEFAULT_DATA_DIR)
    if seen.problem:
        fix, command = _usable(seen, elsewhere)
        yield _broken(
            seen,
            f"Logs and state are kept there: {seen.problem}.",
            fix,
            command,
            check_id="data_dir_unusable",
        )
    if seen.foreign:
        words = f"{_some(seen.foreign)} of somebody else, as after a start with sudo."
        fix = "Make them yours." if seen.own else "Other things are there, too: use a directory of its own."
        yield _broken(seen, words, fix, _chown(seen) if seen.own else elsewhere, check_id="data_dir_foreign")
    if seen.locked:
        words = f"{_some(seen.locked)} yours, but not to be written."
        files = [f"{seen.path}/{each}" for each in seen.locked]
        yield _broken(seen, words, "Allow it.", join(["chmod", "u+rwX", *files]), check_id="data_dir_locked")
    if seen.wide_secrets:
        yield Finding(
            check_id="secret_wide",
            severity="critical",
            title=f"Other users of this machine may read secrets in {seen.path}",
            description=f"{_some(seen.wide_secrets)} for their eyes, too: keys and certificates there are refused.",
            fix="Keep them to their owner.",
            command=join(["chmod", "go=", *(f"{seen.path}/{each}" for each in seen.wide_secrets)]),
        )
    if seen.writable_by_all:
        sudo = "" if seen.mine else "sudo "
        yield Finding(
            check_id="data_dir_open",
            severity="warning",
            title=f"Everybody may write to {seen.path}",
            description="Any user of this machine can change what the fleet remembers.",
            fix="Keep it to its owner." if seen.own else "Use a directory of its own.",
            command=f"{sudo}chmod go-w {quote(seen.path)}" if seen.own else elsewhere,
        )
    elif seen.readable_by_others:
        sudo = "" if seen.mine else "sudo "
        yield Finding(
            check_id="data_dir_wide",
            severity="warning",
            title=f"Other users of this machine may look into {seen.path}",
            description="Logs, traces and secrets of the fleet are there. What is made anew is kept to its owner.",
            fix="Keep it to its owner." if seen.own else "Use a directory of its own.",
            command=f"{sudo}chmod go= {quote(seen.path)}" if seen.own else elsewhere,
        )


def _usable(seen: DirectorySeen, elsewhere: str) -> tuple[str, str]:
    """What to do, and the command for it."""
    path = quote(seen.path)
    if seen.cause == "rights" and seen.mine:
        return "Allow it.", f"chmod u+rwx {path}"
    if seen.cause == "rights" and seen.own:
        return "Make it yours.", _chown(seen)
    if seen.cause == "parent":
        return "Make it, for this user; or use another place with --data-dir.", (
            f'sudo install -d -o "$(id -un)" {path}'
        )
    if seen.cause == "no_directory" and seen.default:
        return "Put the file that is there aside.", f"mv {path} {path}.aside"
    return "Use another place with --data-dir.", elsewhere


def _chown(seen: DirectorySeen) -> str:
    return f'sudo chown -R "$(id -un)" {quote(seen.path)}'


def _broken(seen: DirectorySeen, words: str, fix: str, command: str, *, check_id: str) -> Finding:
    title = f"{seen.path} cannot be used" if seen.problem else f"Not all in {seen.path} can be written"
    return Finding(
        check_id=check_id,
        severity="critical",
        title=title,
        description=words,
        fix=fix,
        command=command,
    )


def _some(files: tuple[str, ...]) -> str:
    """`2 files (a, b) are`."""
    some = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
    return f"1 file ({some}) is" if len(files) == 1 else f"{len(files)} files ({some}) are"
