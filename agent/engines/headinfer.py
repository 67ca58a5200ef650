"""HeadInfer: one call at a time with a context longer than the GPU's memory, behind a worker of ours.

The package (wdlctc/headinfer b57e449; read, and ran with a shim) needs CUDA, transformers 4.45.2 and flash-attn.
Without it the worker takes transformers' offloaded cache on CUDA, or its plain cache on a processor (ran: transformers
5.23); its version says which. The context is what the free memory has room for.
"""

from typing import Literal

from agent.engines import torch_worker
from agent.engines.engine import Contract
from agent.engines.kind import EngineKind
from agent.engines.torch_spec import CONTEXT, torch_spec
from agent.engines.torch_worker import PATHS, environment, model_bytes, worker_words
from agent.loading.spec import LoadSpec
from agent.supervision.launch import Launch, ReadyLine, Rung, ready_timeout_s

READY_TIMEOUT_S = 120.0
RUNGS = (Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT)

ON_GPU = 512
"""Tokens of the cache that a GPU holds at a time."""


class Options(torch_worker.Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of HeadInfer."""

    cache: Literal["", "headinfer", "offloaded", "plain"] = ""
    """Empty: the first of them that is possible."""


def contract(options: Options) -> Contract:
    """On a processor there is no GPU to be left. One model cannot be computed for two calls."""
    rungs = RUNGS if options.device == "cpu" else (*RUNGS, Rung.CPU)
    return Contract(kind="headinfer", paths=PATHS, one_at_a_time=True, rungs=rungs)


def spec(options: Options, _command: tuple[str, ...]) -> LoadSpec:
    """On a GPU only a few tokens of its cache: the others are in the host's memory."""
    on_gpus = options.device != "cpu"
    return torch_spec(options, contract(options), on_gpus=on_gpus, context=ON_GPU if on_gpus else CONTEXT)


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: a Python that has torch and transformers."""
    how = "" if rung is Rung.CPU else options.cache
    words = (*worker_words(options, "headinfer", port, rung), *(("--how", how) if how else ()))
    return Launch(
        command=(*command, *words, *options.arguments),
        environment=environment(options),
        ready=ReadyLine(),
        port=port,
        memory_cap_bytes=options.memory_cap or None,
        ready_timeout_s=options.start_timeout or ready_timeout_s(model_bytes(options), READY_TIMEOUT_S),
    )


KIND = EngineKind(
    name="headinfer",
    about="HeadInfer: long contexts, the KV cache in the host's memory; one call at a time",
    how="pip install torch transformers into a Python of its own (on CUDA also headinfer, with the versions it needs), "
    "then python=THAT/bin/python",
    options=Options,
    contract=contract,
    read=torch_worker.read,
    mending=lambda _options: torch_worker.MENDING,
    program="transformers",
    by_module=True,
    modules=torch_worker.MODULES,
    command=torch_worker.command,
    launch=launch,
    spec=spec,
    systems=frozenset({"linux", "darwin"}),
)
