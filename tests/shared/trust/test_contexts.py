"""Who gets through a handshake, and whom the other end then is."""

import ssl
import time
from collections.abc import Callable

import pytest

from shared.trust.authority import Authority
from shared.trust.certified import certified, fingerprint
from shared.trust.contexts import calling, listening, looking, trusting
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of
from tests.shared.trust.fleet_of_two import COORDINATOR, NODE, Fleet, fleet, member
from tests.shared.trust.handshakes import shaken


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


def test_both_ends_know_each_other(two: Fleet) -> None:
    client, server = shaken(calling(two.node), listening(two.coordinator, required=True))
    assert client.version() == "TLSv1.3"
    there, here = certified(client), certified(server)
    assert there is not None
    assert here is not None
    assert (there.name, here.name) == (COORDINATOR, NODE)
    assert there.fingerprint == fingerprint(
        ssl.PEM_cert_to_DER_cert(two.coordinator.certificate_pem.decode())
    )


def test_a_caller_without_a_certificate_is_nobody(two: Fleet) -> None:
    authority = two.authority.certificate_pem
    _, server = shaken(trusting(authority), listening(two.coordinator, required=False))
    assert certified(server) is None


def test_what_was_only_looked_at_proves_nothing(two: Fleet) -> None:
    client, _ = shaken(looking(), listening(two.coordinator, required=False))
    assert certified(client) is None


def stranger() -> Held:
    return member(Authority.create(time.time()), NODE)


def expired(two: Fleet) -> Held:
    return member(two.authority, NODE, days=-0.5)


def forged(two: Fleet) -> Held:
    """By a node that signs as if it were the authority."""
    made = Authority.load(two.node.certificate_pem, two.node.key_pem)
    key = new_key()
    certificate = made.sign(public_of(key), COORDINATOR, now=time.time())
    return Held(key, certificate + two.node.certificate_pem, two.authority.certificate_pem)


ROGUES: dict[str, Callable[[Fleet], Held]] = {
    "another-authority": lambda _: stranger(),
    "expired": expired,
    "signed-by-a-node": forged,
}


@pytest.mark.parametrize("rogue", ROGUES.values(), ids=ROGUES)
@pytest.mark.parametrize("required", [False, True])
def test_a_rogue_client_gets_nowhere(two: Fleet, rogue: Callable[[Fleet], Held], required: bool) -> None:
    shows = calling(trusted(rogue(two), two))
    with pytest.raises(ssl.SSLError):
        shaken(shows, listening(two.coordinator, required=required))


@pytest.mark.parametrize("rogue", ROGUES.values(), ids=ROGUES)
def test_a_rogue_server_is_told_nothing(two: Fleet, rogue: Callable[[Fleet], Held]) -> None:
    with pytest.raises(ssl.SSLError):
        shaken(calling(two.node), listening(trusted(rogue(two), two), required=False))


def trusted(rogue: Held, two: Fleet) -> Held:
    """It trusts the fleet, so that only the other end may refuse."""
    return Held(rogue.key_pem, rogue.certificate_pem, two.authority.certificate_pem)


def test_nobody_comes_without_a_certificate_where_one_is_required(two: Fleet) -> None:
    with pytest.raises(ssl.SSLError):
        shaken(trusting(two.authority.certificate_pem), listening(two.coordinator, required=True))


def test_older_tls_is_not_spoken(two: Fleet) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shaken(old, listening(two.coordinator, required=False))


def test_no_session_is_kept_for_later(two: Fleet) -> None:
    client, _ = shaken(calling(two.node), listening(two.coordinator, required=True))
    assert client.session is None or not client.session.has_ticket


def test_a_private_key_is_shown_by_no_repr(two: Fleet) -> None:
    assert "PRIVATE" not in f"{two.node!r}{two.node}"
