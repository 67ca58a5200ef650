"""How fast each node reads prompts and writes answers with each model, and how much calls there slow each other."""

from typing import NamedTuple

from msgspec import Struct

from coordinator.core.hope import Hope
from coordinator.core.learned import Figure
from shared.names import ModelName, NodeId

GB = 1e9
PRIOR_SHARE = 0.7
"""Of its memory bandwidth that a node is taken to use: each token that is written reads the whole model."""
UNKNOWN_GBPS = 60.0
UNKNOWN_BYTES = 5_000_000_000
PRIOR_READING = 20.0
"""Tokens of a prompt that are taken to be read in the time in which one is written: they are read in one sweep."""
PRIOR_CROWDING = 0.4
"""Part of its time alone by which a call is taken to last longer for each call beside it."""
MOST_CROWDING = 3.0
LEAST_CROWDING = 0.02
CROWDED = 0.5
"""Calls beside one, on average, from which it tells how much they slow it."""
LEAST_ALONE = 3
"""Calls that ran alone, from which those beside others are told from calls of a slow node."""
SILENT = 15
"""Calls alone, since one beside others told of the crowding, from which on it fades: of a node that is thought to
suffer much from it nothing more would be learned, since no second call is sent there.
"""
LEAST_TOKENS = 8
"""An answer of fewer tells nothing of a pace."""
SETUP_TOKENS = 40
"""Added to a prompt: what a call takes before its first byte beside reading."""


class Run(Struct, frozen=True, kw_only=True):
    """A call that was answered whole. Seconds; `beside`: calls that ran on the node beside it, on average."""

    prompt_tokens: int | None
    """None: the engine did not say; the same below."""
    answer_tokens: int | None
    first_byte_s: float | None
    """From the placement. None: the answer came whole."""
    seconds: float
    reading_beside: float
    writing_beside: float
    loaded: bool
    """Whether its model was in memory when it was placed."""
    cached: bool
    """Whether a part of its prompt may have been read before."""


class Pace(NamedTuple):
    """Of one model on one node. Seconds for a token, alone. A call with n others beside it takes 1 + n * crowding times
    as long.
    """

    read_s: float
    write_s: float
    crowding: float


class NodePaces:
    """What is known of one node."""

    __slots__ = (
        "alone",
        "corrections",
        "crowding",
        "known",
        "learned",
        "reading",
        "reading_over_claim",
        "silent",
        "writing",
        "writing_over_claim",
    )

    def __init__(self) -> None:
        self.learned = 0
        """How often it has taught something."""
        self.known: dict[tuple[ModelName, int, float], Pace] = {}
        """What was worked out since something was learned, by model and what is claimed."""
        self.corrections: tuple[float, float, float] | None = None
        """The same of what does not differ from model to model: seconds over claimed ones, of reading and writing, and
        the crowding.
        """
        self.writing: dict[ModelName, Figure] = {}
        """Seconds for a token of an answer, alone."""
        self.alone: dict[ModelName, Figure] = {}
        """The same, of calls that had none beside them: only they tell how much the others are slowed, since their own
        time alone was worked out by what was thought of that.
        """
        self.reading: dict[ModelName, Figure] = {}
        """Seconds for a token of a prompt, alone."""
        self.writing_over_claim = Figure()
        self.reading_over_claim = Figure()
        self.crowding = Figure()
        self.silent = 0
        """Calls alone, since one beside others told of it."""

    def anew(self) -> None:
        """Something was learned: what was worked out before does not hold."""
        self.known.clear()
        self.corrections = None
        self.learned += 1


_NOTHING = NodePaces()


class Paces:
    """Learned from calls that ended well. It begins with what is claimed (bandwidth), and with what others did over
    their claims (`Hope`); once a node was measured with one model, what it claims is corrected for the others.
    """

    def __init__(self) -> None:
        self._nodes: dict[NodeId, NodePaces] = {}
        self._hope_writing, self._hope_reading = Hope(), Hope()

    def of(self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float) -> Pace:
        """All three."""
        node = self.node(node_id)
        key = (model, model_bytes, bandwidth_gbps)
        found = node.known.get(key)
        if found is None:
            reading, writing, crowding = node.corrections or self._corrections(node)
            claim = claimed_s(model_bytes, bandwidth_gbps)
            found = node.known[key] = Pace(
                _beside(node.reading.get(model), claim / PRIOR_READING * reading),
                _beside(node.writing.get(model), claim * writing),
                crowding,
            )
        return found

    def _corrections(self, node: NodePaces) -> tuple[float, float, float]:
        """Kept, as after each call all models of its node are worked out anew."""
        node.corrections = (
            node.reading_over_claim.beside(self._hope_reading.value),
            node.writing_over_claim.beside(self._hope_writing.value),
            node.crowding.beside(PRIOR_CROWDING),
        )
        return node.corrections

    def node(self, node_id: NodeId) -> NodePaces:
        """What is known of it, now and later."""
        known = self._nodes.get(node_id)
        if known is None:
            known = self._nodes[node_id] = NodePaces()
        return known

    def write_s(self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float) -> float:
        """Seconds for a token of an answer, alone on the node."""
        known = self._nodes.get(node_id, _NOTHING)
        prior = claimed_s(model_bytes, bandwidth_gbps) * known.writing_over_claim.beside(
            self._hope_writing.value
        )
        return _beside(known.writing.get(model), prior)

    def read_s(self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float) -> float:
        """Seconds for a token of a prompt, alone on the node."""
        known = self._nodes.get(node_id, _NOTHING)
        claim = claimed_s(model_bytes, bandwidth_gbps) / PRIOR_READING
        return _beside(
            known.reading.get(model), claim * known.reading_over_claim.beside(self._hope_reading.value)
        )

    def seen_tokens_per_s(self, node_id: NodeId, model: ModelName) -> float | None:
        """That one call alone was seen to be written with there; None: no call has told yet."""
        figure = self._nodes.get(node_id, _NOTHING).writing.get(model)
        return 1 / figure.value if figure is not None and figure.count else None

    def crowding(self, node_id: NodeId) -> float:
        """A call with n others beside it takes 1 + n times this as long as alone."""
        return self._nodes.get(node_id, _NOTHING).crowding.beside(PRIOR_CROWDING)

    def learn(
        self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float, run: Run
    ) -> None:
        """A call ended well there."""
        known = self.node(node_id)
        known.anew()
        claim = claimed_s(model_bytes, bandwidth_gbps)
        crowding = self.crowding(node_id)
        wrote_s = self._writing_seconds(node_id, (model, model_bytes, bandwidth_gbps), crowding, run)
        if run.answer_tokens is not None and run.answer_tokens >= LEAST_TOKENS and wrote_s is not None:
            crowded_s = wrote_s / run.answer_tokens
            _learn_crowding(known, model, run.writing_beside, crowded_s)
            alone_s = crowded_s / (1 + crowding * run.writing_beside)
            _figure(known.writing, model).add(alone_s)
            known.writing_over_claim.add(alone_s / claim)
        if run.first_byte_s is not None and run.loaded and not run.cached and run.prompt_tokens:
            alone_s = run.first_byte_s / (1 + crowding * run.reading_beside)
            token_s = alone_s / (run.prompt_tokens + SETUP_TOKENS)
            _figure(known.reading, model).add(token_s)
            known.reading_over_claim.add(token_s * PRIOR_READING / claim)
        better = self._hope_writing.learned(node_id, known.writing_over_claim)
        if self._hope_reading.learned(node_id, known.reading_over_claim) or better:
            self._anew()

    def _writing_seconds(
        self, node_id: NodeId, claimed: tuple[ModelName, int, float], crowding: float, run: Run
    ) -> float | None:
        """Of an answer that came whole it is what reading cannot have taken."""
        if run.first_byte_s is not None:
            return run.seconds - run.first_byte_s
        if not run.loaded or run.prompt_tokens is None:
            return None
        reading_s = self.read_s(node_id, *claimed) * (run.prompt_tokens + SETUP_TOKENS)
        return run.seconds - min(run.seconds / 2, reading_s * (1 + crowding * run.reading_beside))

    def _anew(self) -> None:
        """There is another hope: what each node is expected to do has changed."""
        for node in self._nodes.values():
            node.anew()

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._nodes.pop(node_id, None)
        better = self._hope_writing.forget(node_id)
        if self._hope_reading.forget(node_id) or better:
            self._anew()

    def nodes(self) -> dict[NodeId, NodePaces]:
        """All there is to keep."""
        return self._nodes

    def recall(self, node_id: NodeId, known: NodePaces) -> None:
        """As it was kept."""
        self._nodes[node_id] = known
        better = self._hope_writing.learned(node_id, known.writing_over_claim)
        if self._hope_reading.learned(node_id, known.reading_over_claim) or better:
            self._anew()


def _learn_crowding(known: NodePaces, model: ModelName, beside: float, token_s: float) -> None:
    """By how much each call beside it slowed one, where that can be told."""
    alone = _figure(known.alone, model)
    if beside < CROWDED:
        alone.add(token_s)
        known.silent += 1
        if known.silent > SILENT:
            known.crowding.fade()
    elif alone.count >= LEAST_ALONE:
        known.silent = 0
        known.crowding.add(min(MOST_CROWDING, max(LEAST_CROWDING, (token_s / alone.value - 1) / beside)))


def _figure(figures: dict[ModelName, Figure], model: ModelName) -> Figure:
    found = figures.get(model)
    if found is None:
        found = figures[model] = Figure()
    return found


def claimed_s(model_bytes: int, bandwidth_gbps: float) -> float:
    """Seconds for a token by what a node claims (0: unknown)."""
    return (model_bytes or UNKNOWN_BYTES) / GB / (PRIOR_SHARE * (bandwidth_gbps or UNKNOWN_GBPS))


def _beside(figure: Figure | None, prior: float) -> float:
    return prior if figure is None else figure.beside(prior)
