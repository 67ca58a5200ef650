"""Verbs of `herd-node`, one file each."""
