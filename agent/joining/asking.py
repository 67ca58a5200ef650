"""Asks a coordinator to be let in. It proves first that it holds the authority it shows; secrets go to nobody else."""

import secrets
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from agent.answers import whole, words
from agent.joining.membership import Membership
from shared.http1.limits import Limits
from shared.http1.pool import Address, Pool
from shared.joining_wire import ANSWER_BYTES, PATH, JoinReply, JoinRequest
from shared.trust import code, possession
from shared.trust.contexts import trusting
from shared.trust.fingerprints import spki_of
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of, stands
from shared.trust.looking import look, pem_of
from shared.trust.names import coordinator_name, node_name
from shared.trust.token import Token

PATIENCE_S = 4.0
PORT = 11435


class NotJoined(Exception):
    """Why not, for a person; `refused`: what was shown is no good."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Question(Struct):
    """One wish to join one coordinator: the same key and number until it is answered, or has become old."""

    coordinator_id: str
    authority: bytes
    """PEM."""
    key: bytes
    """PEM, private."""
    nonce: bytes
    coordinators: str = ""
    """The coordinator's number, from the moment it was told: once ours was told, too, whoever could choose another one
    could choose the digits.
    """

    @property
    def public_key(self) -> bytes:
        """PEM."""
        return public_of(self.key)


class Answer(Struct, frozen=True):
    """`membership` where it was let in; else the digits that a person compares, and why one has to."""

    membership: Membership | None = None
    code: str = ""
    reason: str = ""


def address_of(url: str, name: str) -> Address:
    """Of a coordinator, over TLS; it has to prove `name`."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or PORT, True, name)


async def begun(url: str, coordinator_id: str, key: bytes | None = None) -> Question:
    """A question for whoever answers there. Nothing is told to it yet. Raises NotJoined, OSError."""
    address = address_of(url, "")
    shown = await look(address.host, address.port, PATIENCE_S)
    if shown is None:
        raise NotJoined(f"whoever answers at {url} shows no authority of a fleet")
    return Question(
        coordinator_id, pem_of(shown.authority), key or new_key(), secrets.token_bytes(code.NONCE_BYTES)
    )


async def asked(url: str, node_id: str, question: Question, token: Token | None) -> Answer:
    """Asked once: again, with the same question, until it is let in. Raises NotJoined, HttpFault, OSError."""
    name = coordinator_name(question.coordinator_id)
    pool = Pool(Limits(connect_s=PATIENCE_S), trusting(question.authority))
    address = address_of(url, name)
    public_key = question.public_key
    committed = code.commitment(question.nonce, public_key)
    request = JoinRequest(
        node_id=node_id,
        public_key=public_key.decode(),
        commitment=committed.hex(),
        proof=possession.proof(question.key, spki_of(question.authority), node_id, committed).hex(),
        token_id=token.id if token else "",
        token_secret=token.secret if token else "",
    )
    try:
        reply = await _reply(pool, address, request)
        if reply.status == "pending" and reply.nonce:
            if question.coordinators not in ("", reply.nonce):
                raise NotJoined("the coordinator has begun anew")
            question.coordinators = reply.nonce  # also where no answer to what follows comes back
            told = msgspec.structs.replace(request, nonce=question.nonce.hex(), token_id="", token_secret="")
            further = await _reply(pool, address, told)
            return _read(question, node_id, further, reply.nonce)
        return _read(question, node_id, reply, reply.nonce)
    finally:
        pool.close()


def _read(question: Question, node_id: str, reply: JoinReply, nonce: str) -> Answer:
    if reply.coordinator_id != question.coordinator_id:
        raise NotJoined("another coordinator has answered")
    if reply.status == "admitted":
        certificate = reply.certificate.encode()
        try:
            held = Held(question.key, certificate, question.authority)
            if not stands(held, node_name(node_id)):
                raise NotJoined("the coordinator sent a certificate that is not this node's")
        except ValueError as error:
            raise NotJoined("the coordinator sent what is no certificate") from error
        keys = (question.authority.decode(), question.key.decode(), reply.certificate)
        return Answer(Membership(question.coordinator_id, *keys))
    if reply.status == "denied":
        raise NotJoined(f"{node_id} was not let in: {reply.reason}", refused=True)
    digits = code.code(spki_of(question.authority), question.public_key, question.nonce, bytes.fromhex(nonce))
    return Answer(code=digits, reason=reply.reason)


async def _reply(pool: Pool, address: Address, request: JoinRequest) -> JoinReply:
    headers = [(b"Content-Type", b"application/json")]
    response = await pool.request(address, b"POST", PATH.encode(), headers, msgspec.json.encode(request))
    answer = await whole(response, ANSWER_BYTES)
    if response.head.status != 200:
        raise NotJoined(words(answer), refused=response.head.status in (401, 403))
    try:
        return msgspec.json.decode(answer, type=JoinReply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJoined(f"that was no answer to a question to join: {error}") from error
