"""Verbs of `herd` beside serving, one file each. All but `simulate` ask a coordinator."""
