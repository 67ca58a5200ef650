"""What DeepSpeed's and HeadInfer's workers have in common: how they are run, and how they are read.

Both are modules of agent/workers/torch_engines, run by a Python in which torch is. GET /health {version, how, slots,
running, prompt_tokens, completion_tokens}: the counts grow while anything is computed; GET /v1/models {data: [{id,
max_model_len, abilities}]}. They compare names, count tokens, and stop computing when a caller leaves.
"""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import GENERATIONS, count_or_none, slots_within
from agent.engines.kind import python_beside
from agent.engines.openai_lists import model, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.options import Calls, Started
from agent.supervision.launch import Rung, reached
from shared.names import is_model_name
from shared.wire import ABILITIES

WORKERS = Path(__file__).parent.parent / "workers"
PATHS = frozenset({"POST /v1/chat/completions", "POST /v1/completions", "GET /v1/models"})
MODULES = ("torch", "transformers")
SMALLER_CONTEXT_FROM = 16_384
"""Tokens from which the ladder goes down where nothing is said."""
LEAST_CONTEXT = 512


MENDING = Mending(reshaped=GENERATIONS)
"""Nothing, but bodies come to them with their length."""


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of both. `model`: a directory with the weights and the tokenizer."""

    device: Literal["", "cpu", "cuda"] = ""
    """Empty: cuda where there is one."""
    dtype: Literal["", "float32", "bfloat16", "float16"] = ""
    """Empty: the model's own."""
    threads: Calls | None = None
    """Of the processor; None: torch's choice."""
    chunk: Calls | None = None
    """Tokens of a prompt that are read at a time; None: the worker's own default."""


class _Health(Struct):
    version: str = ""
    how: str = ""
    slots: int = 1
    running: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Entry(Struct):
    id: str
    max_model_len: int | None = None
    abilities: list[str] = []


class _Listed(Struct):
    data: list[_Entry]


def command(found: str, options: Started) -> tuple[str, ...]:
    """The Python: the one that is named, else that of the script that was found."""
    return (found,) if options.python and not options.program else (python_beside(found),)


def worker_words(options: Options, module: str, port: int, rung: Rung) -> tuple[str, ...]:
    """Of the command line, what both have."""
    context = options.context
    if reached(rung, Rung.SMALLER_CONTEXT):
        context = max(LEAST_CONTEXT, (context or SMALLER_CONTEXT_FROM) // 2)
    told = {
        "--model": str(Path(options.model).expanduser()),
        "--alias": options.name,
        "--port": port,
        "--device": "cpu" if reached(rung, Rung.CPU) else options.device or None,
        "--dtype": options.dtype or None,
        "--context-length": context,
        "--threads": options.threads,
        "--chunk": options.chunk,
    }
    words = [word for name, value in told.items() if value is not None for word in (name, str(value))]
    return ("-m", f"torch_engines.{module}", *words)


def environment(options: Options) -> dict[str, str]:
    """The agent's PYTHONPATH is for the agent's Python."""
    path = os.pathsep.join(filter(None, (str(WORKERS), options.environment.get("PYTHONPATH", ""))))
    own = {"PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return own | options.environment | {"PYTHONPATH": path}


def model_bytes(options: Options) -> int:
    """Of the weights; 0 where there are none to be seen. Looks at the disk."""
    try:
        files = list(Path(options.model).expanduser().iterdir())
        return sum(each.stat().st_size for each in files if each.suffix in (".safetensors", ".bin"))
    except OSError:
        return 0


async def read(_options: Options, ask: Ask) -> Reading:
    """Raises EngineError."""
    health = await ask.get("/health", _Health)
    slots = slots_within(health.slots)
    listed = [each for each in (await ask.get("/v1/models", _Listed)).data if is_model_name(each.id)]
    models = [model(each.id, each.max_model_len, frozenset(each.abilities) & ABILITIES) for each in listed]
    return Reading(
        models=models,
        replicas=[replica(each, slots, count_or_none(health.running) or 0) for each in models],
        version=f"{health.version}, {health.how}".strip(", "),
        slots=slots,
        mark=f"{health.prompt_tokens} {health.completion_tokens}",
    )
