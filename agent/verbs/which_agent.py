"""Which of this user's agents a verb means: each has a directory of its own in `nodes/` of the data directory."""

from pathlib import Path


class NoAgent(Exception):
    """None, or more than one; the text tells which there are."""


def directory_of(data_dir: Path, node_id: str) -> Path:
    """That of the agent with this name, or with none given of the only one. Raises NoAgent."""
    nodes = data_dir / "nodes"
    try:
        there = sorted(each.name for each in nodes.iterdir() if each.is_dir())
    except OSError:
        there = []
    if not there:
        raise NoAgent(f"no agent has run with its data in {data_dir}; another place: --data-dir")
    if node_id:
        if node_id not in there:
            raise NoAgent(f"no agent {node_id!r} in {nodes}; there are: {', '.join(there)}")
        return nodes / node_id
    if len(there) > 1:
        raise NoAgent(f"which agent? there are {', '.join(there)} in {nodes}; say --node-id")
    return nodes / there[0]
