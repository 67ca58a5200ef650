"""What a place offers any call, alone there: worked out once, asked for many."""

from msgspec import Struct

from coordinator.core.node_load import NodeLoad
from coordinator.core.paces import SETUP_TOKENS, NodePaces
from coordinator.core.predicted import Learned, Predicted

LEFT = 0.5
"""Of a running call, on average."""


class Prospect(Struct, frozen=True, gc=False):
    """Seconds. Holds until its node tells something else of itself, or teaches something new."""

    known: NodePaces
    """Of the node."""
    learned: int
    """How often it had taught something."""
    read_s: float
    """For a token of a prompt."""
    write_s: float
    """For a token of an answer."""
    crowding: float
    """Part by which each call beside it makes one longer."""
    usual: tuple[float, float]
    """Tokens of a usual call: of its prompt and its answer."""
    own_s: float
    """Of that call."""
    load_s: float
    """To load the model; 0 where it is in memory."""
    owner: float
    """Part of its own seconds that a call is expected to lose to the machine's owner."""
    told: Learned
    """The same, for people."""

    def usual_s(self, load: NodeLoad) -> float:
        """Of a usual call under that load, with what those that run there lose. More load, more seconds."""
        beside = load.number
        if not beside:
            return self.load_s + self.own_s
        own_s = self.own_s * (1.0 + self.crowding * beside)
        return self.load_s + own_s + self.harm_s(own_s, load, beside)

    def harm_s(self, own_s: float, load: NodeLoad, beside: int) -> float:
        """What `beside` of those that run there lose together to a call of so many seconds: as long as both run, each
        is slowed by one more.
        """
        left_s = LEFT * load.seconds / load.number
        both_s = own_s if own_s < left_s else left_s
        return beside * both_s * self.crowding / (1 + self.crowding * (beside - 1))

    def of_call(
        self,
        tokens: float,
        answer_tokens: float,
        load: NodeLoad,
        *,
        wait_s: float = 0.0,
        load_s: float = 0.0,
        evict_s: float = 0.0,
    ) -> Predicted:
        """Of a call with so many tokens to read and to write, under that load."""
        beside = load.number
        if wait_s and beside:
            beside -= 1  # it waits until one of them has ended
        crowded = 1 + self.crowding * beside
        prefill_s = (tokens + SETUP_TOKENS) * self.read_s * crowded
        decode_s = answer_tokens * self.write_s * crowded
        own_s = prefill_s + decode_s
        harm_s = self.harm_s(own_s, load, beside) if beside else 0.0
        return Predicted(
            wait_s,
            load_s,
            evict_s,
            prefill_s,
            decode_s,
            harm_s,
            self.owner * own_s,
            answer_tokens,
            self.told,
        )


class Foreseen(Struct, frozen=True, gc=False):
    """A call at a place that has its model in memory and room for it: the seconds are worked out when somebody asks,
    as where there is no other place to choose seldom anybody does.
    """

    prospect: Prospect
    load: NodeLoad
    tokens: float
    """That are to be read."""
    answer_tokens: float

    @property
    def predicted(self) -> Predicted:
        """What `of_call` says."""
        return self.prospect.of_call(self.tokens, self.answer_tokens, self.load)

    @property
    def total(self) -> float:
        """Of `predicted`."""
        return self.predicted.total

    def shown(self) -> dict[str, float]:
        """Of `predicted`."""
        return self.predicted.shown()

    def ground(self) -> dict[str, float]:
        """Of `predicted`."""
        return self.predicted.ground()
