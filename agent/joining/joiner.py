"""Joins: asks again until this node is let in, and tells its person what to do meanwhile, once."""

import logging
import time
from collections.abc import Callable

from msgspec.structs import replace

from agent.joining import asking
from agent.joining.asking import NotJoined, Question
from agent.joining.membership import Membership
from agent.joining.secrets_at_hand import SecretsAtHand
from shared.http1.faults import HttpFault
from shared.sockets import why_not
from shared.trust.fingerprints import spki_of
from shared.trust.looking import look

LASTS_S = 900.0
"""As long as the same digits are shown: who wants to meet them has no more time than that."""

log = logging.getLogger("herd-node.joining")


class Joiner:
    """Of one node, which has not joined."""

    def __init__(
        self, node_id: str, at_hand: SecretsAtHand, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._node_id = node_id
        self._at_hand = at_hand
        self._clock = clock
        self._question: Question | None = None
        self._asked_at = 0.0
        self._told = ""

    @property
    def has_token(self) -> bool:
        """Whether its person has said by one which coordinator is meant."""
        return self._at_hand.wanted is not None

    async def may_be_meant(self, url: str) -> bool:
        """Whether a token, where there is one, is for the coordinator there. Nothing is told to it."""
        if (token := self._at_hand.wanted) is None:
            return True
        address = asking.address_of(url, "")
        try:
            shown = await look(address.host, address.port, asking.PATIENCE_S)
        except OSError:
            return False
        return shown is not None and token.names(shown.spki)

    async def join(self, url: str, coordinator_id: str, key: bytes | None = None) -> Membership | None:
        """Asks once; None: not yet, and the log says why. `key`: of a certificate that has run out."""
        try:
            return await self._join(url, coordinator_id, key)
        except NotJoined as error:
            self._question = None
            if error.refused and self._at_hand.wanted is not None:
                self._at_hand.spent()
                self._tell(f"{error}; this node asks without a token now", logging.WARNING)
            else:
                self._tell(f"the coordinator at {url} does not let this node in: {error}", logging.WARNING)
        except (HttpFault, OSError, ValueError) as error:
            self._tell(f"the coordinator at {url} cannot be joined: {why_not(error)}", logging.WARNING)
        return None

    async def _join(self, url: str, coordinator_id: str, key: bytes | None) -> Membership | None:
        question = self._question
        old = self._clock() - self._asked_at >= LASTS_S
        if question is None or question.coordinator_id != coordinator_id or old:
            question = await asking.begun(url, coordinator_id, key)
            self._question, self._asked_at = question, self._clock()
        token = self._at_hand.for_authority(spki_of(question.authority))
        if self._at_hand.wanted is not None and token is None:
            raise NotJoined("the token is for another one: nothing was told to this one")
        answer = await asking.asked(url, self._node_id, question, token)
        if answer.membership is not None:
            self._question, self._told = None, ""
            log.info("this node has joined coordinator %s at %s", coordinator_id, url)
            return answer.membership
        self._question = replace(question, coordinators=answer.coordinators)
        because = f" ({answer.reason})" if answer.reason else ""
        self._tell(
            f"this node asks to join the coordinator at {url} and shows {answer.code}{because}; where"
            f" `herd nodes` there shows the same digits, let it in there: herd approve {self._node_id}",
            logging.WARNING,
        )
        return None

    def _tell(self, what: str, level: int) -> None:
        if what != self._told:
            self._told = what
            log.log(level, "%s", what)
