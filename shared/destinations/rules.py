"""Which addresses are gone to. Pure: a rule is a value, and its refusal a reason for people."""

import ipaddress
from collections.abc import Iterable

from msgspec import Struct

from shared.destinations.ranges import NEVER, IpAddress, IpNetwork, Kind, kind_of, number, plain
from shared.destinations.urls import BadDestination, named

ALLOWED = "FLEET_ALLOWED_NETWORKS"
"""The setting that opens further networks."""

_NAMES_OF_LOOPBACK = ("localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain")


class Rule(Struct, frozen=True):
    """`kinds` are gone to, and what is in `networks`, but for what never is."""

    kinds: frozenset[Kind]
    networks: tuple[IpNetwork, ...] = ()

    def why_not(self, address: IpAddress) -> str:
        """Why it is not gone to; empty: it is."""
        kind = kind_of(address)
        if kind in NEVER:
            return f"{address} is no address of a machine of the fleet ({kind})"
        if kind in self.kinds or any(address.version == n.version and address in n for n in self.networks):
            return ""
        if kind == "loopback":
            return f"{address} is the loopback of this machine, and not another one"
        return f"{address} is not in a private network ({kind}); to allow it, name its network in {ALLOWED}"


CONFIGURED = Rule(frozenset[Kind]({"private", "shared", "public", "loopback", "reserved"}))
"""What the owner of this machine wrote down: a registry, an engine, a coordinator."""
CHOSEN = Rule(CONFIGURED.kinds | {"link-local"})
"""The same where it may be on this machine's own cable: a coordinator, an engine."""
HEARD = Rule(frozenset[Kind]({"private", "shared", "public", "link-local", "reserved"}))
"""What mDNS tells: anybody on the network can say it."""


class Gateways(Struct, frozen=True):
    """Where nodes' gateways may be. `networks` beside the private ones."""

    networks: tuple[IpNetwork, ...] = ()

    @property
    def told(self) -> Rule:
        """For what a node says of itself, and what its name stands for."""
        return Rule(frozenset[Kind]({"private"}), self.networks)

    def host(self, advertised: str, source: str) -> str:
        """Where a node is whose beat came from `source`, a number. Raises BadDestination.

        The connection's own address proves itself: a link-local one is a machine on this cable. What is advertised
        proves nothing, and is a private address, or a name that has to stand for one when it is gone to.
        """
        came = plain(source)
        at_home = _number_of(came).is_loopback
        if not advertised or advertised == came:
            _check(Rule(self.told.kinds | {"link-local", "loopback"}, self.networks), _number_of(came))
            return came
        if (address := number(advertised)) is not None:
            _check(Rule(self.told.kinds | ({"loopback"} if at_home else set()), self.networks), address)
            return str(address)
        name = named(advertised)
        if is_loopback_name(name) and not at_home:
            raise BadDestination(f"{name} is the loopback of this machine, and the node is another one")
        return name


def check_host(host: str, rule: Rule) -> None:
    """A number by the rule, or a name that nobody takes for a number. Raises BadDestination."""
    if (address := number(host.partition("%")[0])) is not None:
        _check(rule, address)
    else:
        named(host)


def is_loopback_name(name: str) -> bool:
    """Names that stand for this machine by definition (RFC 6761) or by custom."""
    return name in _NAMES_OF_LOOPBACK or name.endswith(".localhost")


def networks_of(texts: Iterable[str]) -> tuple[IpNetwork, ...]:
    """Of a setting. Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def _number_of(source: str) -> IpAddress:
    """Raises BadDestination."""
    try:
        return ipaddress.ip_address(source)
    except ValueError as error:
        raise BadDestination(f"{source!r} is no address") from error


def _check(rule: Rule, address: IpAddress) -> None:
    if why := rule.why_not(address):
        raise BadDestination(why)
