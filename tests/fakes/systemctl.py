"""A systemctl that runs nothing: it notes what it was asked, and remembers what it was told to start.

Its directory is in FAKE_SYSTEMCTL: `asked` gets a line for each call; a file `fails` makes the
next ones fail with its text.
"""

import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """The exit code."""
    directory = Path(os.environ["FAKE_SYSTEMCTL"])
    with (directory / "asked").open("a") as asked:
        asked.write(" ".join(arguments) + "\n")
    if (directory / "fails").exists():
        sys.stderr.write((directory / "fails").read_text())
        return 1
    running = directory / f"running-{arguments[-1]}"
    if "enable" in arguments:
        running.touch()
    elif "disable" in arguments:
        running.unlink(missing_ok=True)
    elif "is-active" in arguments:
        return 0 if running.exists() else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
