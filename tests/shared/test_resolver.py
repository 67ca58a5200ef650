"""Names to addresses."""

import socket

import pytest

from shared.resolver import Resolver

IPV4, IPV6 = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")


@pytest.mark.parametrize(
    ("family", "expected"),
    [(socket.AF_UNSPEC, [IPV4, IPV6]), (socket.AF_INET, [IPV4]), (socket.AF_INET6, [IPV6])],
)
@pytest.mark.parametrize("name", ["localhost", "LocalHost."])
async def test_localhost_is_loopback_in_both_families(
    name: str, family: socket.AddressFamily, expected: list[tuple[int, str]]
) -> None:
    """Whatever the system's list of hosts says."""
    found = await Resolver().resolve(name, 11434, family)
    assert [(each["family"], each["host"]) for each in found] == expected
    assert all((each["hostname"], each["port"]) == (name, 11434) for each in found)


async def test_other_names_are_the_systems() -> None:
    """A number is one; a name that cannot be says so."""
    (found,) = await Resolver().resolve("127.0.0.2", 80)
    assert (found["host"], found["port"]) == ("127.0.0.2", 80)
    with pytest.raises(OSError, match=r".+"):
        await Resolver().resolve("no such name", 80)
