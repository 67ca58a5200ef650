"""A model on DeepSpeed: on one device, spread over several (tensor parallel), or with its weights elsewhere (ZeRO-3).

    python -m torch_engines.deepspeed --model DIR --alias NAME [--tensor-parallel N | --zero none|cpu|nvme] ...

With N above 1 this process becomes DeepSpeed's launcher, which starts the ranks and ends all of them when one dies.
Rank 0 serves and tells the others what to compute. Ranks meet in a file, so no port is open but that of the door; what
they share is called after the launcher's process in /dev/shm: deepspeed_allreduce_buffer_*_PID_*, deepspeed_store_PID.
Ran: DeepSpeed 0.19.8 on processors; there a group of ranks compiles an extension once (g++, ninja).

Exit status: 1 the model cannot be served, 2 wrong usage, 3 torch, transformers or DeepSpeed is not installed; the
launcher's own when a rank dies (247 after a kill). A line "deepspeed worker: ..." on standard error says why.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from .process import CANNOT_SERVE, NOT_INSTALLED, claim_stdout, end_with_parent, give_up
from .serving import broken, device_of, parser, positive, serve, set_threads

NAME = "deepspeed"
MODULE = "torch_engines.deepspeed"
LAUNCHER, OUTPUT = "HERD_LAUNCHER", "HERD_OUTPUT"
"""Told to the ranks: the launcher's process, and its descriptor for the line."""
SHARED = "/dev/shm"  # noqa: S108 - where DeepSpeed puts the like
PATIENCE = timedelta(days=365)
"""Of ranks that wait for the next call; the launcher ends those whose leader is dead."""
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


def become_launcher(ranks: int) -> NoReturn:
    """Take DeepSpeed's launcher in this process's place: its number, its parent and its input stay."""
    make_store(os.getpid())
    os.environ |= {LAUNCHER: str(os.getpid()), OUTPUT: str(os.dup(1))}
    os.set_inheritable(int(os.environ[OUTPUT]), True)
    os.dup2(2, 1)  # it logs to standard output
    ids = devices(ranks, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    world = base64.urlsafe_b64encode(json.dumps({"localhost": ids}).encode()).decode()
    # The "port" is only a name here: see make_store.
    where = ("--master_addr", "127.0.0.1", "--master_port", str(os.getpid()), "--world_info", world)
    words = ("-m", "deepspeed.launcher.launch", *where, "--quiet", "--no_local_rank", "--module", MODULE)
    os.execv(sys.executable, [sys.executable, *words, *sys.argv[1:]])  # noqa: S606


def share_of_processor(ranks: int) -> int | None:
    """Threads for one of several ranks; None: torch's own choice."""
    return max(1, (os.cpu_count() or 1) // ranks) if ranks > 1 else None


def devices(ranks: int, visible: str) -> list[int]:
    """Those that this process may see, as CUDA_VISIBLE_DEVICES tells it, else the first. Pure."""
    told = [each for each in visible.split(",") if each.isdecimal()]
    return [int(each) for each in told[:ranks]] if len(told) >= ranks else list(range(ranks))


def store(pid: int) -> Path:
    """Where the ranks of that launcher meet."""
    return Path(SHARED) / f"deepspeed_store_{pid}"


def make_store(pid: int) -> None:
    """An empty one that is this user's alone."""
    store(pid).unlink(missing_ok=True)
    os.close(os.open(store(pid), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


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
        except BaseException:
            broken(NAME)
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

    make_store(os.getpid())
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ |= alone | {"MASTER_PORT": str(os.getpid()), LAUNCHER: str(os.getpid())}
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


def begin_distributed(device: str, ranks: int) -> None:
    """The ranks find one another in the launcher's file."""
    import deepspeed
    import torch

    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    deepspeed.init_distributed(
        None if device.startswith("cuda") else "gloo",
        auto_mpi_discovery=False,
        verbose=False,
        init_method=f"file://{store(int(os.environ[LAUNCHER]))}",
        rank=int(os.environ["RANK"]),
        world_size=ranks,
    )


def control_group() -> Any:
    """In which the leader tells the others what to do."""
    from torch import distributed

    return distributed.new_group(backend="gloo", timeout=PATIENCE)


def output_of(own: int) -> Callable[[], int]:
    """Where the one line goes: under a launcher that keeps our output, to its descriptor."""
    told = os.environ.get(OUTPUT)
    if told is None:
        return lambda: own
    return lambda: os.open(f"/proc/{os.environ[LAUNCHER]}/fd/{told}", os.O_WRONLY)


if __name__ == "__main__":
    main()
