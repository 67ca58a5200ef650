"""Where llama.cpp puts a model, in its own words; and whether a build of it can use the GPUs that are here.

`llama-server --list-devices` writes `Available devices:` and a line for each, indented: `  CUDA0: NAME (24 GiB ...)`.
The worker of the embedded engine writes the same when it is asked with `--list-devices`. Processors are not in it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from agent.models.placement import Placement

LIST = "--list-devices"
LIST_S = 20.0
"""For the answer: a driver takes a while to wake."""
MIB = 2**20
OWN_WORDS = frozenset(
    {
        "-ngl",
        "--gpu-layers",
        "--n-gpu-layers",
        "-ts",
        "--tensor-split",
        "-dev",
        "--device",
        "-sm",
        "--split-mode",
    }
)
"""Who says one of these puts the model somewhere himself."""

log = logging.getLogger("herd-node.llamacpp")


def placed_words(placement: Placement) -> tuple[str, ...]:
    """How many layers on GPUs, and the proportions of several cards, in the order in which it sees them."""
    layers = ("--gpu-layers", str(placement.gpu_layers))
    if not placement.split:
        return layers
    return (*layers, "--tensor-split", ",".join(str(max(1, share // MIB)) for share in placement.split))


def places_itself(arguments: Sequence[str]) -> bool:
    """Whether the owner's own arguments say where it goes."""
    return any(word.partition("=")[0] in OWN_WORDS for word in arguments)


async def sees_gpus(command: Sequence[str], *, otherwise: bool) -> bool:
    """Asks it. `otherwise`: of a build that cannot be asked."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, LIST, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        log.warning("%s cannot be asked for its devices: %s", command[0], error)
        return otherwise
    try:
        async with asyncio.timeout(LIST_S):
            told, _ = await process.communicate()
    except TimeoutError:
        log.warning("%s did not tell its devices within %g s", command[0], LIST_S)
        return otherwise
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return devices(told) if process.returncode == 0 else otherwise


def devices(told: bytes) -> bool:
    """Whether some are named."""
    _, begun, rest = told.partition(b"Available devices:")
    return bool(begun) and any(line[:1].isspace() and b":" in line for line in rest.splitlines())
