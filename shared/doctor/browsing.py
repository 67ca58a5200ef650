"""What mDNS gives here, by asking on each interface and by listening as our programs do."""

import asyncio

from shared.adverts import NODES
from shared.doctor.looks import firewall
from shared.doctor.multicast import asked_everywhere
from shared.doctor.seen import NetworkSeen
from shared.interfaces import in_use, own_addresses
from shared.mdns import Mdns
from shared.serving import cancelled


def network(service_type: str, wait_s: float) -> NetworkSeen:
    """Listens for `wait_s`. Raises nothing that a network can cause."""
    return asyncio.run(_network(service_type, wait_s))


async def _network(service_type: str, wait_s: float) -> NetworkSeen:
    mdns = Mdns([service_type, NODES], lambda: None)
    browsing = asyncio.create_task(mdns.run(), name="mdns")
    try:
        interfaces = await asyncio.to_thread(asked_everywhere, in_use(own_addresses()), wait_s)
        found = sorted(mdns.found.values(), key=lambda each: each.name)
        problem = mdns.problem
    finally:
        await cancelled(browsing)
    return NetworkSeen(
        interfaces=interfaces,
        coordinators=tuple(each for each in found if each.kind != NODES),
        nodes=tuple(each for each in found if each.kind == NODES),
        problem=problem,
        firewall=firewall(),
    )
