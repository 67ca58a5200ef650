"""How the signals become a choice: one policy a file, each `order(candidates, call, weights) -> best first`."""
