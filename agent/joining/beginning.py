"""What a node has of joining as it starts: what it joined before, and what it can show where it has not."""

from pathlib import Path

from agent.config import Settings, StartError
from agent.joining.joiner import Joiner
from agent.joining.membership import BadMembership, MembershipFile
from agent.joining.plain import Plain
from agent.joining.secrets_at_hand import LOCAL_FILE, SecretsAtHand
from agent.joining.ties import Ties
from shared.http1.server import Server
from shared.settings import DEFAULT_DATA_DIR
from shared.trust.token import BadToken, parse


async def ties_of(settings: Settings, directory: Path, plain: Plain, door: Server) -> Ties:
    """`directory`: the node's. `door`: opened to nobody until somebody is joined. Raises StartError."""
    try:
        token = parse(settings.token) if settings.token else None
    except BadToken as error:
        raise StartError(f"FLEET_NODE_TOKEN: {error}") from error
    joiner = Joiner(settings.name, SecretsAtHand(token, _local_files(settings)))
    ties = Ties(MembershipFile(directory), joiner, plain, door, open_=settings.open)
    try:
        await ties.read()
    except (BadMembership, OSError) as error:
        raise StartError(str(error)) from error
    return ties


def _local_files(settings: Settings) -> tuple[Path, ...]:
    """Where a coordinator of this machine and this user leaves what lets its neighbours in."""
    if settings.local_join:
        return (Path(settings.local_join).expanduser(),)
    places = dict.fromkeys((settings.data_dir, DEFAULT_DATA_DIR))
    return tuple(Path(each).expanduser() / LOCAL_FILE for each in places)
