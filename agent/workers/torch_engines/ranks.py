"""How ranks come to be, find one another, and are told apart from those of other engines.

They meet in a file, so no port is open but the door's: what DeepSpeed calls its port is a name only, the launcher's
process. What they share in /dev/shm is called after it: deepspeed_allreduce_buffer_*_PID_*, deepspeed_store_PID.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from glob import glob
from pathlib import Path
from typing import Any, NoReturn

MODULE = "torch_engines.deepspeed"
LAUNCHER, OUTPUT = "HERD_LAUNCHER", "HERD_OUTPUT"
"""Told to the ranks: the launcher's process, and its descriptor for the line."""
SHARED = "/dev/shm"  # noqa: S108 - where DeepSpeed puts the like
PATIENCE = timedelta(days=365)
"""Of ranks that wait for the next call; the launcher ends those whose leader is dead."""
LAUNCHER_LOOKS_S = 2.0
"""So long a rank of several waits after a fault. The launcher looks once a second, at one rank after the other, and
ends as the first did that it finds dead: that shall be the one that was killed, not one that broke for want of it.
"""


def become_launcher(ranks: int) -> NoReturn:
    """Take DeepSpeed's launcher in this process's place: its number, its parent and its input stay."""
    make_store(os.getpid())
    os.environ |= {LAUNCHER: str(os.getpid()), OUTPUT: str(os.dup(1))}
    os.set_inheritable(int(os.environ[OUTPUT]), True)
    os.dup2(2, 1)  # it logs to standard output
    ids = devices(ranks, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    world = base64.urlsafe_b64encode(json.dumps({"localhost": ids}).encode()).decode()
    where = ("--master_addr", "127.0.0.1", "--master_port", str(os.getpid()), "--world_info", world)
    words = ("-m", "deepspeed.launcher.launch", *where, "--quiet", "--no_local_rank", "--module", MODULE)
    os.execv(sys.executable, [sys.executable, *words, *sys.argv[1:]])  # noqa: S606


def devices(ranks: int, visible: str) -> list[int]:
    """Those that this process may see, as CUDA_VISIBLE_DEVICES tells it, else the first. Pure."""
    told = [each for each in visible.split(",") if each.isdecimal()]
    return [int(each) for each in told[:ranks]] if len(told) >= ranks else list(range(ranks))


def share_of_processor(ranks: int) -> int | None:
    """Threads for one of several ranks; None: torch's own choice."""
    return max(1, (os.cpu_count() or 1) // ranks) if ranks > 1 else None


def be_alone() -> None:
    """One rank, without a launcher."""
    own = str(os.getpid())
    make_store(os.getpid())
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ |= alone | {"MASTER_PORT": own, LAUNCHER: own}


def store(pid: int) -> Path:
    """Where the ranks of that launcher meet."""
    return Path(SHARED) / f"deepspeed_store_{pid}"


def make_store(pid: int) -> None:
    """An empty one that is this user's alone; and nothing else that would keep the ranks from meeting."""
    remove_stale_locks()
    store(pid).unlink(missing_ok=True)
    os.close(os.open(store(pid), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def remove_stale_locks() -> None:
    """Of compilers that were killed: torch would wait for them for ever. Whoever works holds the lock open."""
    root = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions")
    locks = {
        str(path.resolve()) for path in (*root.glob("deepspeed_*/lock"), *root.glob("*/deepspeed_*/lock"))
    }
    if not locks:
        return
    for held in glob("/proc/[0-9]*/fd/*"):  # noqa: PTH207 - Path's minds processes that end meanwhile
        with suppress(OSError):  # another user's
            locks.discard(str(Path(held).readlink()))
    for lock in locks:
        Path(lock).unlink(missing_ok=True)


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
