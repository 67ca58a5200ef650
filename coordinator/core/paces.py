"""How fast each node reads prompts and writes answers with each model, and how much calls there slow each other."""

from typing import TypeVar

from msgspec import Struct

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
ALONE = 0.25
"""Calls beside one, on average, up to which it is as good as alone."""
LEAST_TOKENS = 8
"""An answer of fewer tells nothing of a pace."""
SETUP_TOKENS = 40
"""Added to a prompt: what a call takes before its first byte beside reading."""

Key = tuple[NodeId, ModelName]
K = TypeVar("K", NodeId, Key)


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


class Paces:
    """Learned from calls that ended well. What is claimed (bandwidth) is where it begins: once a node was measured
    with one model, what it claims is corrected for the others.
    """

    def __init__(self) -> None:
        self._writing: dict[Key, Figure] = {}
        self._reading: dict[Key, Figure] = {}
        self._writing_over_claim: dict[NodeId, Figure] = {}
        self._reading_over_claim: dict[NodeId, Figure] = {}
        self._crowding: dict[NodeId, Figure] = {}

    def write_s(self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float) -> float:
        """Seconds for a token of an answer, alone on the node."""
        claim = claimed_s(model_bytes, bandwidth_gbps)
        prior = claim * _beside(self._writing_over_claim.get(node_id), 1.0)
        return _beside(self._writing.get((node_id, model)), prior)

    def read_s(self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float) -> float:
        """Seconds for a token of a prompt, alone on the node."""
        claim = claimed_s(model_bytes, bandwidth_gbps) / PRIOR_READING
        prior = claim * _beside(self._reading_over_claim.get(node_id), 1.0)
        return _beside(self._reading.get((node_id, model)), prior)

    def crowding(self, node_id: NodeId) -> float:
        """A call with n others beside it takes 1 + n times this as long as alone."""
        return _beside(self._crowding.get(node_id), PRIOR_CROWDING)

    def learn(
        self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float, run: Run
    ) -> None:
        """A call ended well there."""
        claim = claimed_s(model_bytes, bandwidth_gbps)
        crowding = self.crowding(node_id)
        wrote_s = self._writing_seconds(node_id, model, model_bytes, bandwidth_gbps, run)
        if run.answer_tokens is not None and run.answer_tokens >= LEAST_TOKENS and wrote_s is not None:
            crowded_s = wrote_s / run.answer_tokens
            self._learn_crowding(node_id, model, crowded_s, run.writing_beside)
            alone_s = crowded_s / (1 + crowding * run.writing_beside)
            _of(self._writing, (node_id, model)).add(alone_s)
            _of(self._writing_over_claim, node_id).add(alone_s / claim)
        if run.first_byte_s is not None and run.loaded and not run.cached and run.prompt_tokens:
            alone_s = run.first_byte_s / (1 + crowding * run.reading_beside)
            token_s = alone_s / (run.prompt_tokens + SETUP_TOKENS)
            _of(self._reading, (node_id, model)).add(token_s)
            _of(self._reading_over_claim, node_id).add(token_s * PRIOR_READING / claim)

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        for figures in (self._writing, self._reading):
            for key in [key for key in figures if key[0] == node_id]:
                del figures[key]
        for figures_of_node in (self._writing_over_claim, self._reading_over_claim, self._crowding):
            figures_of_node.pop(node_id, None)

    def _writing_seconds(
        self, node_id: NodeId, model: ModelName, model_bytes: int, bandwidth_gbps: float, run: Run
    ) -> float | None:
        """Of an answer that came whole it is what reading cannot have taken."""
        if run.first_byte_s is not None:
            return run.seconds - run.first_byte_s
        if not run.loaded or run.prompt_tokens is None:
            return None
        alone_s = self.read_s(node_id, model, model_bytes, bandwidth_gbps) * (
            run.prompt_tokens + SETUP_TOKENS
        )
        return run.seconds - min(run.seconds / 2, alone_s * (1 + self.crowding(node_id) * run.reading_beside))

    def _learn_crowding(self, node_id: NodeId, model: ModelName, crowded_s: float, beside: float) -> None:
        alone = self._writing.get((node_id, model))
        if beside < 2 * ALONE or alone is None or alone.count < LEAST_TOKENS:
            return
        slower = (crowded_s / alone.value - 1) / beside
        _of(self._crowding, node_id).add(min(MOST_CROWDING, max(0.02, slower)))


def claimed_s(model_bytes: int, bandwidth_gbps: float) -> float:
    """Seconds for a token by what a node claims (0: unknown)."""
    return (model_bytes or UNKNOWN_BYTES) / GB / (PRIOR_SHARE * (bandwidth_gbps or UNKNOWN_GBPS))


def _of(figures: dict[K, Figure], key: K) -> Figure:
    return figures.setdefault(key, Figure())


def _beside(figure: Figure | None, prior: float) -> float:
    return prior if figure is None else figure.beside(prior)
