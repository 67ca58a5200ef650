"""A model whose KV cache may be longer than the GPU's memory: HeadInfer, or what comes next to it. One call at a time.

    python -m torch_engines.headinfer --model DIR --alias NAME [--how auto|headinfer|offloaded|plain] ...

`headinfer`: the package, which moves the cache of each head to the host's memory (CUDA, its own version of
transformers, flash-attn). `offloaded`: transformers' cache that moves whole layers (CUDA). `plain`: its ordinary cache.
In all of them a prompt is read in chunks. `auto` takes the first that is possible here. Which one it is, is told in
/health (`how`) and in the version of the line. The context is what the measured free memory has room for.

Exit status: 1 the model cannot be served, 2 wrong usage, 3 torch or transformers is not installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NoReturn

from .process import CANNOT_SERVE, NOT_INSTALLED, claim_stdout, end_with_parent, give_up
from .serving import device_of, parser, serve, set_threads

NAME = "headinfer"
HEADINFER, OFFLOADED, PLAIN = "headinfer", "offloaded", "plain"
WORDS = {
    HEADINFER: "HeadInfer: the cache of each head in host memory",
    OFFLOADED: "offloaded cache: layers in host memory",
    PLAIN: "plain cache",
}
LAYERS_ON_GPU = 2
"""Of an offloaded cache: the one that is computed and the one that comes."""


def parse_arguments() -> argparse.Namespace:
    """The command line. Ends the process with status 2 when it is wrong."""
    made = parser("Serve one model with a long context on 127.0.0.1, one call at a time.")
    made.add_argument("--how", choices=("auto", HEADINFER, OFFLOADED, PLAIN), default="auto")
    return made.parse_args()


def main() -> NoReturn:
    """Serve until standard input ends or a signal comes."""
    chosen = parse_arguments()
    output = claim_stdout()
    end_with_parent()
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        give_up(NAME, NOT_INSTALLED, f"cannot import it in {sys.executable}: {error}")
    try:
        set_threads(chosen.threads)
        work(chosen, output)
    except Exception as error:
        give_up(NAME, CANNOT_SERVE, f"cannot serve {chosen.model}: {type(error).__name__}: {error}")


def picked(how: str, device: str, *, installed: bool) -> str:
    """The way. Pure. Raises ValueError for one that is asked for and impossible."""
    cuda = device.startswith("cuda")
    if how == "auto":
        return HEADINFER if cuda and installed else OFFLOADED if cuda else PLAIN
    if how != PLAIN and not cuda:
        raise ValueError(f"--how {how} needs CUDA")
    if how == HEADINFER and not installed:
        raise ValueError(f"--how {how} needs the package headinfer")
    return how


def work(chosen: argparse.Namespace, output: int) -> NoReturn:
    """Load and serve."""
    import transformers

    from .batch import Batch
    from .models import config_of

    device = device_of(chosen.device)
    how = picked(chosen.how, device, installed=find_spec("headinfer") is not None)
    config = config_of(chosen.model)
    model, new_cache = made(how, chosen, config, device)
    serve(
        chosen,
        Batch(model, new_cache, device),
        model,
        engine=NAME,
        how=WORDS[how],
        version=f"transformers {transformers.__version__}",
        context=context(how, chosen, config, device, next(model.parameters()).element_size()),
        slots=1,
        output=lambda: output,
        pid=os.getpid(),
    )


def made(how: str, chosen: argparse.Namespace, config: Any, device: str) -> tuple[Any, Callable[[], Any]]:
    """The model on its device, and what makes its caches."""
    from .models import dtype_of, loaded

    dtype = dtype_of(chosen.dtype, config, device)
    if how == HEADINFER:
        from headinfer.cache import OffloadedCache
        from headinfer.mp import mp_headinfer

        model = loaded(chosen.model, dtype, attn_implementation="flash_attention_2").to(device)
        mp_headinfer(model)  # it changes classes: one model for each process
        return model, OffloadedCache
    from transformers import DynamicCache

    model = loaded(chosen.model, dtype).to(device)
    return model, lambda: DynamicCache(config=model.config, offloading=how == OFFLOADED)


def context(how: str, chosen: argparse.Namespace, config: Any, device: str, bytes_each: int) -> int:
    """Tokens: those asked for, or the model's own, as far as the free memory goes."""
    import torch

    from . import memory

    own = memory.own_context(config)
    most, token = min(chosen.context_length or own, own), memory.kv_bytes(config, bytes_each)
    if not device.startswith("cuda"):
        return memory.context_limit(most, memory.free_host(), token)
    free = int(torch.cuda.mem_get_info()[0])
    if how == PLAIN:
        return memory.context_limit(most, free, token)
    host = memory.context_limit(most, memory.free_host(), token)
    return min(host, memory.context_limit(most, free, token * on_gpu(how, config)))


def on_gpu(how: str, config: Any) -> float:
    """The part of an offloaded cache that is on the GPU at a time: layers, or heads of one."""
    heads = int(getattr(config, "num_key_value_heads", 1) or 1)
    return LAYERS_ON_GPU / int(config.num_hidden_layers) / (heads if how == HEADINFER else 1)


if __name__ == "__main__":
    main()
