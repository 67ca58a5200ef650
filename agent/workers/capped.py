"""Runs a command with a bound on its memory: capped.py [--group DIRECTORY] BYTES COMMAND [ARGUMENT...].

With --group it joins that control group, whose own bound holds for all that it starts. Without, or where that fails,
BYTES are the most of address space for each of its processes; 0: no bound. The command takes this process's place, so
its number and its parent stay. Exit status 126 or 127, with a line on standard error, when it cannot be run.
"""

import os
import sys
from pathlib import Path

CANNOT_RUN, NOT_FOUND = 126, 127
GROUP = "--group"


def joined(group: str) -> bool:
    """Whether this process is in the group now."""
    try:
        (Path(group) / "cgroup.procs").write_text(f"{os.getpid()}\n")
    except OSError as error:
        print(f"capped worker: cannot join {group}: {error.strerror}", file=sys.stderr)
        return False
    return True


def main() -> int:
    """Does not return when all is well."""
    import resource

    words = sys.argv[1:]
    bounded = words[0] == GROUP and joined(words[1])
    if words[0] == GROUP:
        words = words[2:]
    limit, command = int(words[0]), words[1:]
    if limit and not bounded:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is what it is for
    except OSError as error:
        print(f"capped worker: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
