"""Runs a command with a bound on the address space of each of its processes: capped.py BYTES COMMAND [ARGUMENT...].

The command takes this process's place, so its number and its parent stay. Exit status 126 or 127, with a line on
standard error, when it cannot be run.
"""

import os
import sys

CANNOT_RUN, NOT_FOUND = 126, 127


def main() -> int:
    """Does not return when all is well."""
    import resource

    limit, command = int(sys.argv[1]), sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is what it is for
    except OSError as error:
        print(f"capped worker: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
