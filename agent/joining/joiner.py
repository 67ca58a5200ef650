"""Joins: asks again until this node is let in, and tells its person what to do meanwhile, once."""

import logging
import time
from collections.abc import Callable

from agent.joining import asking
from agent.joining.asking import NotJoined, Question
from agent.joining.membership import Membership
from agent.joining.secrets_at_hand import SecretsAtHand
from shared.http1.faults import HttpFault
from shared.sockets import why_not
from shared.trust.fingerprints import spki_of
from shared.trust.looking import look
from shared.trust.token import Token

LASTS_S = 900.0
"""As long as the same digits are shown: who wants to meet them has no more time than that."""
FREE = 3
"""Questions whose digits were shown for less, one after the other: a coordinator was started anew, a person said no."""
WAIT_S = 30.0
"""Before the next; doubled by each further one, up to LASTS_S. Who sits between could make this node show others until
they are those that it wants.
"""

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
        self._token: Token | None = None
        """What was told with it."""
        self._cut_short = 0
        self._not_before = 0.0
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
            self._begin_anew()
            if error.refused and self._token is not None:
                self._at_hand.spent(self._token)
                self._tell(f"{error}; this node asks without a token now", logging.WARNING)
            else:
                self._tell(f"the coordinator at {url} does not let this node in: {error}", logging.WARNING)
        except (HttpFault, OSError, ValueError) as error:
            self._tell(f"the coordinator at {url} cannot be joined: {why_not(error)}", logging.WARNING)
        return None

    async def _join(self, url: str, coordinator_id: str, key: bytes | None) -> Membership | None:
        question, now = self._question, self._clock()
        if question is not None and now - self._asked_at >= LASTS_S:
            question, self._cut_short = None, 0
        elif question is not None and question.coordinator_id != coordinator_id:
            self._begin_anew()
            question = None
        if question is None:
            if now < self._not_before:
                return None
            question = await asking.begun(url, coordinator_id, key)
            self._question, self._asked_at, self._token = question, now, None
        token = self._token = self._at_hand.for_authority(spki_of(question.authority))
        if self._at_hand.wanted is not None and token is None:
            raise NotJoined("the token is for another one: nothing was told to this one")
        answer = await asking.asked(url, self._node_id, question, token)
        if answer.membership is not None:
            self._question, self._told, self._cut_short, self._not_before = None, "", 0, 0.0
            log.info("this node has joined coordinator %s at %s", coordinator_id, url)
            return answer.membership
        because = f" ({answer.reason})" if answer.reason else ""
        self._tell(
            f"this node asks to join the coordinator at {url} and shows {answer.code}{because}; where"
            f" `herd nodes` there shows the same digits, let it in there: herd approve {self._node_id}",
            logging.WARNING,
        )
        return None

    def _begin_anew(self) -> None:
        """With other digits, and soon only where this does not happen again and again."""
        shown, self._question = self._question is not None and self._question.coordinators != "", None
        if not shown:
            return
        self._cut_short += 1
        if (over := self._cut_short - FREE) > 0:
            self._not_before = self._clock() + min(LASTS_S, WAIT_S * 2 ** min(over - 1, 8))

    def _tell(self, what: str, level: int) -> None:
        if what != self._told:
            self._told = what
            log.log(level, "%s", what)
