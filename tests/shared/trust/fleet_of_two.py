"""A fleet on paper: its authority, a coordinator, a node."""

import time
from typing import NamedTuple

from shared.trust.authority import Authority
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of
from shared.trust.names import coordinator_name, node_name

COORDINATOR = coordinator_name("c" * 32)
NODE = node_name("mini")
OTHER = node_name("other")


class Fleet(NamedTuple):
    authority: Authority
    coordinator: Held
    node: Held


def member(authority: Authority, name: str, *, days: float = 30) -> Held:
    key = new_key()
    certificate = authority.sign(public_of(key), name, ["127.0.0.1", "::1"], now=time.time(), days=days)
    return Held(key, certificate, authority.certificate_pem)


def fleet() -> Fleet:
    authority = Authority.create(time.time())
    return Fleet(authority, member(authority, COORDINATOR), member(authority, NODE))
