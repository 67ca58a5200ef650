"""DeepSpeed: started behind a worker of ours, for it has no server; on one device, on several, or with ZeRO-3.

Ran: DeepSpeed 0.19.8 on processors: init_inference, its launcher with two ranks, ZeRO-3 (not on NVMe: that compiles
another extension, which needs the headers of libaio). A group of ranks, and ZeRO-3, compile an extension once (minutes
on a slow machine), and leave 69 MB for each rank in /dev/shm, killed or not. When a rank dies its launcher ends the
others and exits with 256 less the signal.
"""

from typing import Annotated, Literal

from msgspec import Meta

from agent.engines import torch_worker
from agent.engines.engine import Contract
from agent.engines.kind import EngineKind
from agent.engines.torch_spec import torch_spec
from agent.engines.torch_worker import PATHS, environment, model_bytes, worker_words
from agent.loading.spec import LoadSpec
from agent.supervision.launch import Launch, ReadyLine, Rung, reached, ready_timeout_s

SLOTS = 8
"""The worker's own default."""
READY_TIMEOUT_S = 120.0
MOST_RANKS = 64
BUILD_S = 600.0
"""For the compiler, where ranks form a group."""
LEFTOVERS = (
    "/dev/shm/deepspeed_allreduce_buffer_*_{pid}_*",  # noqa: S108 - where it leaves them
    "/dev/shm/deepspeed_store_{pid}",  # noqa: S108 - where the ranks of the worker meet
)
RUNGS = (Rung.AS_IT_WAS, Rung.FEWER_SLOTS, Rung.SMALLER_CONTEXT)
GPU_RUNGS = (Rung.FEWER_GPU_LAYERS, Rung.CPU)


class Options(torch_worker.Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of DeepSpeed. `slots`: calls that are computed as one batch."""

    tensor_parallel: Annotated[int, Meta(ge=1, le=MOST_RANKS)] = 1
    """Devices that share each layer."""
    zero: Literal["", "none", "cpu", "nvme"] = ""
    """ZeRO-3 on one device, its weights kept there (none: on the device); empty: no ZeRO."""
    nvme_path: str = ""
    """The directory for zero=nvme."""


def contract(options: Options) -> Contract:
    """On a processor there is no GPU to be left."""
    rungs = RUNGS if options.device == "cpu" else (*RUNGS, *GPU_RUNGS)
    return Contract(kind="deepspeed", paths=PATHS, leftovers=LEFTOVERS, rungs=rungs)


def spec(options: Options, _command: tuple[str, ...]) -> LoadSpec:
    """Several ranks, and ZeRO, spread a model as its owner says."""
    spread = options.tensor_parallel > 1 or bool(options.zero)
    slots, on_gpus = options.slots or SLOTS, options.device != "cpu"
    return torch_spec(options, contract(options), on_gpus=on_gpus, placed_by_owner=spread, slots=slots)


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: a Python that has DeepSpeed."""
    grouped = options.tensor_parallel > 1 or bool(options.zero)
    least_s = READY_TIMEOUT_S + (BUILD_S if grouped or reached(rung, Rung.FEWER_GPU_LAYERS) else 0.0)
    return Launch(
        command=(
            *command,
            *worker_words(options, "deepspeed", port, rung),
            *_batch(options, rung),
            *_spread(options, rung),
            *options.arguments,
        ),
        environment=environment(options),
        ready=ReadyLine(),
        port=port,
        leftovers=LEFTOVERS,
        memory_cap_bytes=options.memory_cap or None,
        ready_timeout_s=options.start_timeout or ready_timeout_s(model_bytes(options), least_s),
    )


def _batch(options: Options, rung: Rung) -> tuple[str, ...]:
    slots = options.slots or SLOTS
    return ("--slots", str(max(1, slots // 4) if reached(rung, Rung.FEWER_SLOTS) else slots))


def _spread(options: Options, rung: Rung) -> tuple[str, ...]:
    """Over devices; or, on the rung where the GPU shall hold less, its weights in the host's memory."""
    if reached(rung, Rung.CPU):
        return ()
    fewer = reached(rung, Rung.FEWER_GPU_LAYERS)
    told = {
        "--zero": "cpu" if fewer and options.zero != "nvme" else options.zero,
        "--nvme-path": options.nvme_path,
        "--tensor-parallel": "" if fewer or options.tensor_parallel == 1 else str(options.tensor_parallel),
    }
    return tuple(word for name, value in told.items() if value for word in (name, value))


KIND = EngineKind(
    name="deepspeed",
    about="DeepSpeed: a model over several GPUs, or one larger than a GPU with its weights in memory or on NVMe",
    how="pip install torch transformers deepspeed ninja into a Python of its own, then python=THAT/bin/python; "
    "several ranks on a processor need a C++ compiler too",
    options=Options,
    contract=contract,
    read=torch_worker.read,
    mending=lambda _options: torch_worker.MENDING,
    program="deepspeed",
    by_module=True,
    modules=(*torch_worker.MODULES, "deepspeed"),
    command=torch_worker.command,
    launch=launch,
    spec=spec,
    systems=frozenset({"linux"}),
)
