"""Verbs of `herd` that ask a coordinator, one file each."""
