"""What `herd-node doctor` makes of joining, where the coordinator tells strangers nothing of its nodes. Pure."""

from collections.abc import Iterator

from shared.finding import Finding


def joined(coordinator_id: str, theirs: str, name: str, url: str) -> Iterator[Finding]:
    """node_joined, node_not_joined, joined_another.

    `coordinator_id`: of the one that was joined, or empty; `theirs`: of the one that answers at `url`.
    """
    if not coordinator_id:
        yield Finding(
            check_id="node_not_joined",
            severity="warning",
            title=f"{name} has not joined the coordinator at {url}",
            description="It asks to, and gets no calls until a person lets it in there.",
            fix="Where `herd nodes` there shows the same six digits as its log here, let it in, on that machine:",
            command=f"herd approve {name}",
        )
    elif coordinator_id != theirs:
        yield Finding(
            check_id="joined_another",
            severity="warning",
            title=f"{name} has joined another coordinator than the one at {url}",
            description=f"It is with {coordinator_id}, and gives {theirs} nothing.",
            fix="Unless that is meant: end it, let it leave, and start it with a token of the other one.",
            command=f"herd-node leave --node-id {name}",
        )
    else:
        yield Finding(
            check_id="node_joined",
            severity="info",
            title=f"{name} has joined the coordinator at {url}",
            description="`herd nodes` on that machine tells how it stands there.",
            fix="",
        )
