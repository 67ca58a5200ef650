"""What a certificate says of its owner, as a URI: a node's id, a coordinator's id. Pure."""

from urllib.parse import quote, unquote

from shared.names import NodeId

NAME_LIMIT = 1_024
"""Characters of one name; a node id of 255 characters fits, whatever they are."""

_NODE = "herd-node:"
_COORDINATOR = "herd:"
_ID_LIMIT = 255


def node_name(node_id: str) -> str:
    """Of a node's certificate. Raises ValueError for an id that no certificate can say."""
    return _name(_NODE, node_id)


def coordinator_name(coordinator_id: str) -> str:
    """Of a coordinator's certificate. Raises ValueError for an id that no certificate can say."""
    return _name(_COORDINATOR, coordinator_id)


def node_of(name: str) -> NodeId | None:
    """The node of this name; None: it is no node's, or not spelt as `node_name` does."""
    found = _id_of(_NODE, name)
    return NodeId(found) if found is not None else None


def coordinator_of(name: str) -> str | None:
    """The coordinator's id of this name; None: it is no coordinator's, or not spelt as `coordinator_name` does."""
    return _id_of(_COORDINATOR, name)


def _name(kind: str, spoken: str) -> str:
    if not 0 < len(spoken) <= _ID_LIMIT or not spoken.isprintable() or spoken.strip() != spoken:
        raise ValueError("an id has 1 to 255 printable characters, and no space at its ends")
    made = kind + quote(spoken, safe="")
    if len(made) > NAME_LIMIT:
        raise ValueError(f"the id is longer than {NAME_LIMIT} characters as a certificate writes it")
    return made


def _id_of(kind: str, name: str) -> str | None:
    """One spelling only: else one node could show two names."""
    if not name.startswith(kind) or len(name) > NAME_LIMIT:
        return None
    try:
        spoken = unquote(name[len(kind) :], errors="strict")
        return spoken if _name(kind, spoken) == name else None
    except ValueError:
        return None
