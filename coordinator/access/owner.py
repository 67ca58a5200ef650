"""Whoever sits at the coordinator's own machine."""

from coordinator.access.principal import Principal

OWNER = Principal("owner", "owner", frozenset({"infer", "read", "operate", "admin"}))
