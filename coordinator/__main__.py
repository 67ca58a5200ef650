"""python -m coordinator: the same as the command `herd`."""

from coordinator.cli import main

main()
