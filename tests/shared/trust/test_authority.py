"""Certificates: what the authority signs, and what it does not."""

import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from shared.trust.authority import Authority
from shared.trust.fingerprints import certificate_of, spki_of
from shared.trust.leaf import belongs, new_key, public_of, renew_due
from shared.trust.names import node_name

DAY = 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(NOW)


def test_an_authority_is_the_same_after_it_was_kept(authority: Authority) -> None:
    again = Authority.load(authority.certificate_pem, authority.private_pem())
    assert again.spki == authority.spki == spki_of(authority.certificate_pem)
    assert len(again.spki) == 32


def test_the_key_of_another_authority_is_refused(authority: Authority) -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        Authority.load(authority.certificate_pem, Authority.create(NOW).private_pem())


def test_a_leaf_is_its_owners_and_the_authoritys(authority: Authority) -> None:
    key = new_key()
    leaf = authority.sign(public_of(key), node_name("mini"), now=NOW)
    assert belongs(key, leaf)
    assert not belongs(new_key(), leaf)
    certificate_of(leaf).verify_directly_issued_by(certificate_of(authority.certificate_pem))
    assert spki_of(leaf) != authority.spki


def test_a_leaf_is_renewed_after_two_thirds_of_its_life(authority: Authority) -> None:
    leaf = authority.sign(public_of(new_key()), node_name("mini"), now=NOW)
    assert not renew_due(leaf, NOW)
    assert not renew_due(leaf, NOW + 19 * DAY)
    assert renew_due(leaf, NOW + 20 * DAY)
    assert renew_due(leaf, NOW + 31 * DAY)


def public_pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


ODD_KEYS = {
    "nothing": b"",
    "text": b"not a key",
    "private": new_key(),
    "empty-pem": b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    "ed25519": public_pem(ed25519.Ed25519PrivateKey.generate()),
    "rsa": public_pem(rsa.generate_private_key(65_537, 2_048)),
}


@pytest.mark.parametrize("pem", ODD_KEYS.values(), ids=ODD_KEYS)
def test_what_is_no_key_on_p256_gets_no_certificate(authority: Authority, pem: bytes) -> None:
    with pytest.raises(ValueError, match="P-256"):
        authority.sign(pem, node_name("mini"), now=time.time())
