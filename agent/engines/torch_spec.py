"""What engines on top of torch and transformers load: all of a model on one GPU, or in the host's memory."""

from agent.engines.engine import Contract
from agent.engines.options import Started
from agent.loading.spec import LoadSpec
from agent.models.estimate import Load
from agent.models.shape import Shape
from agent.supervision.launch import Rung, reached

CONTEXT = 8_192
"""Tokens, of an engine whose context nobody bounds: its cache grows with its calls."""
LEAST_CONTEXT = 512


def torch_spec(
    options: Started,
    contract: Contract,
    *,
    on_gpus: bool = True,
    placed_by_owner: bool = False,
    slots: int = 1,
    context: int = CONTEXT,
) -> LoadSpec:
    """Without a context of the owner's it is `context` tokens for each of `slots` calls; on the rungs that say so a
    half, and a quarter of the calls.
    """

    def load(rung: Rung, shape: Shape) -> Load:
        tokens, calls = options.context or context, slots
        if reached(rung, Rung.SMALLER_CONTEXT) and Rung.SMALLER_CONTEXT in contract.rungs:
            tokens = max(LEAST_CONTEXT, tokens // 2)
        if reached(rung, Rung.FEWER_SLOTS) and Rung.FEWER_SLOTS in contract.rungs:
            calls = max(1, slots // 4)
        return Load(min(tokens, shape.max_context or tokens), calls)

    return LoadSpec(
        path=options.model,
        kind=contract.kind,
        load=load,
        rungs=contract.rungs,
        on_gpus=on_gpus,
        placed_by_owner=placed_by_owner,
        environment=options.environment,
    )
