"""python -m agent: the same as the command `herd-node`."""

from agent.cli import main

main()
