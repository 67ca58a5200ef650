"""What a stranger shows, before anything is told to it."""

import asyncio
import ssl
import time

import pytest

from shared.trust.authority import Authority
from shared.trust.contexts import listening, trusting
from shared.trust.fingerprints import spki_of
from shared.trust.looking import Shown, look, pem_of, shown
from tests.shared.trust.fleet_of_two import COORDINATOR, Fleet, fleet, member
from tests.shared.trust.handshakes import shaken


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


async def looked_at(context: ssl.SSLContext | None) -> Shown | None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        return await look("127.0.0.1", server.sockets[0].getsockname()[1], 5.0)


async def test_the_authority_of_whoever_answers_is_had_before_anything_is_told(two: Fleet) -> None:
    seen = await looked_at(listening(two.coordinator, required=False))
    assert seen is not None
    assert seen.spki == two.authority.spki == spki_of(seen.authority)
    assert seen.leaf == ssl.PEM_cert_to_DER_cert(two.coordinator.certificate_pem.decode())
    shaken(trusting(pem_of(seen.authority)), listening(two.coordinator, required=False))


async def test_who_speaks_no_tls_shows_nothing() -> None:
    with pytest.raises(OSError, match=r"."):
        await looked_at(None)


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def test_an_authority_that_did_not_sign_is_not_shown(two: Fleet) -> None:
    """A man in the middle who shows the right authority beside a leaf of his own."""
    rogue = member(Authority.create(time.time()), COORDINATOR)
    assert shown([der(rogue.certificate_pem), der(two.authority.certificate_pem)]) is None


@pytest.mark.parametrize("number", [0, 1])
def test_a_short_chain_shows_nothing(two: Fleet, number: int) -> None:
    assert shown([der(two.coordinator.certificate_pem)][:number]) is None


def test_what_is_no_certificate_shows_nothing(two: Fleet) -> None:
    assert shown([b"no", b"certificate"]) is None
    assert shown([der(two.coordinator.certificate_pem), b"junk"]) is None
