"""Where open mode may listen: nowhere that the internet reaches."""

import ipaddress
from collections.abc import Iterable

from shared.settings import SettingsError


def refuse_public(bound: Iterable[str], own: Iterable[str]) -> None:
    """Raises SettingsError where one of the addresses is public. `bound`: those that are listened on, of which an
    unspecified one stands for all of this machine's `own`.
    """
    values = [ipaddress.ip_address(each.partition("%")[0]) for each in bound]
    every = {value.version for value in values if value.is_unspecified}
    values += [each for each in map(ipaddress.ip_address, own) if each.version in every]
    public = sorted(str(value) for value in values if value.is_global)
    if not public:
        return
    private = [
        each for each in map(ipaddress.ip_address, own) if not each.is_global and not each.is_link_local
    ]
    instead = min((str(each) for each in private if each.version == 4), default="127.0.0.1")
    raise SettingsError(
        f"open mode (--open, FLEET_OPEN) is for a network at home, and {public[0]} is a public address: "
        f"whoever reaches it could use this fleet. Listen on a private address alone: herd --open --host {instead}; "
        f"or leave open mode and make keys: herd key create"
    )
