"""What an agent and a coordinator tell each other before the agent is a node. Unknown fields are ignored."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.fields import NodeName

KEY_BYTES = 2_048
"""Of a public key as PEM, at most."""
ANSWER_BYTES = 32 * 2**10
"""Of an answer, at most."""
PATH, RENEWAL = "/join", "/join/renew"

PublicKey = Annotated[
    str,
    Meta(
        max_length=KEY_BYTES,
        pattern=r"^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n\Z",
    ),
]
Pem = Annotated[str, Meta(max_length=8_192)]
Committed = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Nonce = Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]
Digits = Annotated[str, Meta(pattern=r"^(\d{6})?\Z")]
Proof = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){8,72}\Z")]
TokenId = Annotated[str, Meta(pattern=r"^([a-z2-7]{6})?\Z")]
Secret = Annotated[str, Meta(max_length=26)]
Words = Annotated[str, Meta(max_length=1_024)]


class JoinRequest(Struct, frozen=True, kw_only=True):
    """Asked until the answer is `admitted` or `denied`: the same key and commitment each time."""

    node_id: NodeName
    public_key: PublicKey
    commitment: Committed
    """To `nonce` and the key, as `shared.trust.code` has it."""
    proof: Proof
    """Of the private key, as `shared.trust.possession` has it; hexadecimal."""
    nonce: Nonce = ""
    """Hexadecimal; told once the coordinator has told its own."""
    token_id: TokenId = ""
    token_secret: Secret = ""
    """Told to a coordinator only that has proved to be the token's."""


class JoinReply(Struct, frozen=True, kw_only=True):
    """`certificate` where the agent is admitted; `nonce` where a person has to approve it."""

    status: Literal["admitted", "pending", "denied"]
    coordinator_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    certificate: Pem = ""
    nonce: Nonce = ""
    reason: Words = ""
    """Why a person has to approve it, or did not."""


class RenewRequest(Struct, frozen=True, kw_only=True):
    """Sent with the certificate that is about to run out; the answer is a JoinReply."""

    public_key: PublicKey
