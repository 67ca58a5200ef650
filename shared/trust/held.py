"""What a program holds to prove who it is, as one value."""

from msgspec import Struct


class Held(Struct, frozen=True):
    """PEM, each of the three; the private key is shown by nobody."""

    key_pem: bytes
    certificate_pem: bytes
    authority_pem: bytes

    def __repr__(self) -> str:
        return "Held(...)"
