"""A model on DeepSpeed: on one device, spread over several (tensor parallel), or with its weights elsewhere (ZeRO-3).

    python -m torch_engines.deepspeed --model DIR --alias NAME [--tensor-parallel N | --zero none|cpu|nvme] ...

With N above 1 this process becomes DeepSpeed's launcher, which starts the ranks and ends all of them when one dies.
Rank 0 serves and tells the others what to compute (crew.py); how they meet is in ranks.py. Ran: DeepSpeed 0.19.8 on
processors; there a group of ranks, one with ZeRO too, compiles an extension once (g++, ninja).

Exit status: 1 the model cannot be served, 2 wrong usage, 3 torch, transformers or DeepSpeed is not installed; the
launcher's own when a rank dies (247 after a kill). A line "deepspeed worker: ..." on standard error says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from .process import CANNOT_SERVE, NOT_INSTALLED, claim_stdout, end_with_parent, give_up
from .ranks import (
    LAUNCHER,
    LAUNCHER_LOOKS_S,
    be_alone,
    become_launcher,
    begin_distributed,
    control_group,
    output_of,
    share_of_processor,
)
from .serving import broken, device_of, parser, positive, serve, set_threads

NAME = "deepspeed"
SLOTS = 8


def parse_arguments() -> argparse.Namespace:
    """The command line. Ends the process with status 2 when it is wrong."""
    made = parser("Serve one model on 127.0.0.1 with DeepSpeed.")
    made.add_argument("--slots", type=positive, default=SLOTS, help="calls computed as one batch")
    made.add_argument("--tensor-parallel", type=positive, default=1, help="devices that share each layer")
    made.add_argument("--zero", choices=("none", "cpu", "nvme"), help="ZeRO-3, with the weights kept there")
    made.add_argument("--nvme-path", help="the directory for --zero nvme")
    chosen = made.parse_args()
    if chosen.zero and chosen.tensor_parallel > 1:
        made.error("--zero is for one device: leave out --tensor-parallel")
    if chosen.zero == "nvme" and not chosen.nvme_path:
        made.error("--zero nvme needs --nvme-path")
    return chosen


def main() -> NoReturn:
    """Serve until standard input ends or a signal comes."""
    chosen = parse_arguments()
    set_environment(chosen)
    if chosen.tensor_parallel > 1 and LAUNCHER not in os.environ:
        become_launcher(chosen.tensor_parallel)
    output = claim_stdout()
    end_with_parent()
    try:
        import deepspeed  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        give_up(NAME, NOT_INSTALLED, f"cannot import it in {sys.executable}: {error}")
    try:
        set_threads(chosen.threads or share_of_processor(chosen.tensor_parallel))
        work(chosen, output)
    except Exception as error:
        give_up(NAME, CANNOT_SERVE, f"cannot serve {chosen.model}: {type(error).__name__}: {error}")


def set_environment(chosen: argparse.Namespace) -> None:
    """Of DeepSpeed: its processor or GPU, and the ninja beside this Python, always: another version builds all anew."""
    if chosen.device == "cpu":
        os.environ["DS_ACCELERATOR"] = "cpu"
    own, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + path


def work(chosen: argparse.Namespace, output: int) -> NoReturn:
    """What this rank does."""
    import deepspeed

    from . import memory
    from .batch import Batch
    from .models import config_of, joinable

    device = device_of(chosen.device)
    if device.startswith("cuda"):
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    config = config_of(chosen.model)
    model, how = zero(chosen, config, device) if chosen.zero else parallel(chosen, config, device)
    new_cache = caches(model)
    batch = Batch(model, new_cache, device)
    group = control_group() if chosen.tensor_parallel > 1 else None
    if group is not None and int(os.environ["RANK"]):
        from .crew import follow

        try:
            follow(batch, group)
        except BaseException:  # whatever it is: an orderly end would wait for torch's threads
            broken(NAME, LAUNCHER_LOOKS_S)
    slots = chosen.slots if joinable(new_cache()) else 1
    token = memory.kv_bytes(config, next(model.parameters()).element_size())
    context = min(chosen.context_length or memory.own_context(config), memory.own_context(config))
    serve(
        chosen,
        led(batch, group),
        model,
        engine=NAME,
        how=how,
        version=f"DeepSpeed {deepspeed.__version__}",
        context=memory.context_limit(context, free_bytes(device), *share(token, device, chosen, slots)),
        slots=slots,
        output=output_of(output),
        pid=int(os.environ.get(LAUNCHER, os.getpid())),
        fault_s=0.0 if group is None else LAUNCHER_LOOKS_S,
    )


def share(token: int, device: str, chosen: argparse.Namespace, slots: int) -> tuple[float, int]:
    """Bytes of a token in the memory of that device, and how many calls have some."""
    return token / (chosen.tensor_parallel if device.startswith("cuda") else 1), slots


def free_bytes(device: str) -> int:
    """For caches."""
    import torch

    from . import memory

    return int(torch.cuda.mem_get_info()[0]) if device.startswith("cuda") else memory.free_host()


def caches(model: Any) -> Callable[[], Any]:
    """Makes one for a sequence."""
    from transformers import DynamicCache

    return lambda: DynamicCache(config=model.config)


def led(batch: Any, group: Any) -> Any:
    """What computes, alone or with others."""
    if group is None:
        return batch
    from .crew import Led

    return Led(batch, group)


def parallel(chosen: argparse.Namespace, config: Any, device: str) -> tuple[Any, str]:
    """The model in init_inference, and how in words."""
    import deepspeed

    from .models import dtype_of, loaded

    ranks, dtype = chosen.tensor_parallel, dtype_of(chosen.dtype, config, device)
    if ranks > 1:
        begin_distributed(device, ranks)
    # The loader works on the processor: a rank never holds more of the model on its GPU than its share.
    engine = deepspeed.init_inference(
        loaded(chosen.model, dtype),
        dtype=dtype,
        replace_with_kernel_inject=False,
        tensor_parallel={"tp_size": ranks},
    )
    return engine.module, f"tensor parallel over {ranks}" if ranks > 1 else "one device"


def zero(chosen: argparse.Namespace, config: Any, device: str) -> tuple[Any, str]:
    """The model in ZeRO-3: each layer's weights come when it is computed."""
    import deepspeed
    import torch
    from transformers.integrations import HfDeepSpeedConfig

    from .models import dtype_of, loaded

    be_alone()
    begin_distributed(device, 1)
    dtype = dtype_of(chosen.dtype, config, device)
    told = zero_config(chosen.zero, chosen.nvme_path, device, dtype is torch.bfloat16, dtype is torch.float16)
    kept = HfDeepSpeedConfig(told)  # transformers asks for it while it loads
    engine = deepspeed.initialize(model=loaded(chosen.model, dtype), config=told)[0]
    del kept
    engine.module.eval()
    return engine.module, "ZeRO-3" if chosen.zero == "none" else f"ZeRO-3, weights on {chosen.zero}"


def zero_config(where: str, path: str | None, device: str, bf16: bool, fp16: bool) -> dict[str, Any]:
    """DeepSpeed's settings. Pure."""
    offload: dict[str, Any] = {"device": where, "pin_memory": device.startswith("cuda")}
    if where == "nvme":
        offload["nvme_path"] = path
    stage = {"stage": 3} | ({} if where == "none" else {"offload_param": offload})
    return {
        "train_micro_batch_size_per_gpu": 1,  # it must be told, and is not used
        "bf16": {"enabled": bf16},
        "fp16": {"enabled": fp16},
        "zero_optimization": stage,
    }


if __name__ == "__main__":
    main()
