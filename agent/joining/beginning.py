"""What a node has of joining as it starts: what it joined before, and what it can show where it has not."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.config import Settings, StartError
from agent.joining.joiner import Joiner
from agent.joining.membership import BadMembership, MembershipFile
from agent.joining.plain import Plain
from agent.joining.secrets_at_hand import LOCAL_FILE, SecretsAtHand
from agent.joining.ties import Ties
from shared.http1.server import Server
from shared.serving import serving
from shared.settings import DEFAULT_DATA_DIR
from shared.sockets import is_loopback
from shared.trust.token import BadToken, parse

STOPPED_WITHIN_S = 1.0
"""The gateway, once its calls have ended or were cut."""


@asynccontextmanager
async def reachable(
    door: Server, settings: Settings, directory: Path, plain: Plain
) -> AsyncIterator[tuple[Ties, int]]:
    """With whom this node speaks, and the port where it is spoken to. `directory`: the node's. Raises StartError."""
    ties = await _ties(settings, directory, plain, door)
    try:
        async with _listening(door, settings) as port:
            yield ties, port
    finally:
        ties.close()


async def _ties(settings: Settings, directory: Path, plain: Plain, door: Server) -> Ties:
    """`door`: opened to nobody until somebody is joined. Raises StartError."""
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


@asynccontextmanager
async def _listening(server: Server, settings: Settings) -> AsyncIterator[int]:
    host = settings.gateway_host or ("127.0.0.1" if is_loopback(settings.router_url) else "")
    async with contextlib.AsyncExitStack() as stack:
        door = serving(server, host, settings.gateway_port, STOPPED_WITHIN_S)
        try:
            _, port = await stack.enter_async_context(door)
        except OSError as error:
            where = f"{host or 'port'}{':' if host else ' '}{settings.gateway_port}"
            text = f"the gateway cannot listen on {where}: {error.strerror}; another port: --gateway-port"
            raise StartError(text) from error
        yield port
