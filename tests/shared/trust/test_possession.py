"""Who asks for a certificate has the private key, and what it shows is good for one question only."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from shared.trust import possession
from shared.trust.leaf import new_key, public_of

KEY = new_key()
SAID = (b"s" * 32, "laptop", b"c" * 32)


def test_it_is_for_this_key_authority_name_and_commitment() -> None:
    shown = possession.proof(KEY, *SAID)
    assert len(shown) <= 72
    assert possession.proved(public_of(KEY), *SAID, shown)
    assert not possession.proved(public_of(new_key()), *SAID, shown)
    for other in ((b"t" * 32, *SAID[1:]), (SAID[0], "desk", SAID[2]), (*SAID[:2], b"d" * 32)):
        assert not possession.proved(public_of(KEY), *other, shown)
    assert not possession.proved(public_of(KEY), b"s" * 31, "slaptop", b"c" * 32, shown)
    assert not possession.proved(public_of(KEY), *SAID, b"")
    assert not possession.proved(public_of(KEY), *SAID, shown[:-1] + bytes((shown[-1] ^ 1,)))


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())]
)
def test_other_kinds_of_keys_are_none(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ValueError, match="P-256"):
        possession.proved(public, *SAID, b"")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="P-256"):
        possession.proof(private, *SAID)
