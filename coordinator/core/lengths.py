"""How long answers are, by model and tag: learned, since nobody knows it of the next one. And prompts, by model."""

from bisect import bisect_right
from collections import OrderedDict

from coordinator.core.call import Call
from coordinator.core.learned import Figure, Kept
from coordinator.core.newest import Newest
from shared.names import ModelName

USUAL_TOKENS = 200.0
"""Expected before the first answer."""
USUAL_PROMPT = 500.0
"""Likewise of prompts."""
ANSWERS = 64
"""Newest answers of one kind that count."""
ENOUGH = 3
"""Answers of a narrow kind, from which it is believed instead of a broader one."""
LONGEST = 4.0
"""Over the median: so much of an answer counts, so that a runaway does not spoil the mean."""
KINDS = 4_096
"""Of models and tags that are remembered; the ones longest unused go first."""

Kind = tuple[str, ...]


class Lengths:
    """In tokens. A call's kind: its model and tags, else its model, else any."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Kind, Newest] = OrderedDict()
        self._usual: dict[str, float] = {}
        """Means of models, where they are believed: asked for each place of each call, the others hardly ever."""
        self._prompts: dict[str, Figure] = {}

    def add(self, call: Call, model: ModelName, tokens: int) -> None:
        """`model` answered with so many."""
        if call.estimated_tokens:
            prompts = self._prompts.get(model)
            if prompts is None:
                prompts = self._prompts[model] = Figure()
            prompts.add(float(call.estimated_tokens))
        for kind in _kinds(call, model):
            kept = self._answers.get(kind)
            if kept is None:
                kept = self._answers[kind] = Newest(ANSWERS)
            kept.add(float(tokens))
            self._answers.move_to_end(kind)
            self._learned(kind, kept)
        while len(self._answers) > KINDS:
            gone, _ = self._answers.popitem(last=False)
            if len(gone) == 1:
                self._usual.pop(gone[0], None)
                self._prompts.pop(gone[0], None)

    def expected(self, call: Call, model: ModelName) -> float:
        """Of its answer, were it to come from `model`."""
        if not call.origin.tags and (usual := self._usual.get(model)) is not None:  # as nearly always
            return usual
        for kind in _kinds(call, model):
            answers = self._answers.get(kind)
            if answers is not None and len(answers) >= ENOUGH:
                return _mean(answers)
        return USUAL_TOKENS

    def usual(self, model: ModelName) -> float:
        """Of any call to it."""
        return self._usual.get(model, USUAL_TOKENS)

    def usual_prompt(self, model: ModelName) -> float:
        """Of any call to it."""
        known = self._prompts.get(model)
        return known.value if known is not None and known.count >= ENOUGH else USUAL_PROMPT

    def kept(self) -> list[tuple[Kind, Kept]]:
        """All there is to keep, the kinds longest unused first."""
        return [(kind, (round(_mean(answers), 1), len(answers))) for kind, answers in self._answers.items()]

    def recall(self, kept: list[tuple[Kind, Kept]]) -> None:
        """As it was kept."""
        for kind, (mean, count) in kept:
            if mean > 0 and count > 0:
                answers = self._answers[kind] = Newest(ANSWERS)
                for _ in range(min(count, ANSWERS)):
                    answers.add(mean)
                self._learned(kind, answers)

    def _learned(self, kind: Kind, answers: Newest) -> None:
        if len(kind) == 1 and len(answers) >= ENOUGH:
            self._usual[kind[0]] = _mean(answers)


def _kinds(call: Call, model: ModelName) -> tuple[Kind, ...]:
    """The narrowest first."""
    tags = call.origin.tags
    return ((model, *tags), (model,), ()) if tags else ((model,), ())


def _mean(answers: Newest) -> float:
    ordered = answers.ordered
    count, middle = len(ordered), len(ordered) // 2
    median = ordered[middle] if count % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    most = LONGEST * max(1.0, median)
    if ordered[-1] <= most:  # as nearly always
        return sum(ordered) / count
    within = bisect_right(ordered, most)
    return (sum(ordered[:within]) + most * (count - within)) / count
