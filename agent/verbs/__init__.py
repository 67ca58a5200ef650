"""Verbs of `herd-node` that ask the agent of this machine, one file each."""
