"""Glinthawk: batches of completions through its program `infer`, behind a worker of ours; for the batch class only.

Ran: microsoft/glinthawk 61976e3. `infer DIR NAME static|paged VOCABULARY BATCH TEMPERATURE IN.jsonl OUT.jsonl`: it
reads at least a batch of prompts, as tokens, and ignores max_tokens. Its models are fixed when it is compiled.
"""

import sys
from pathlib import Path

from agent.engines.asking import Ask
from agent.engines.engine import Contract, EngineError
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import Listed, model, named, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import Whole
from agent.engines.options import Started
from agent.supervision.launch import Launch, ReadyLine, Rung, reached

WORKER = Path(__file__).parent.parent / "workers" / "glinthawk.py"
COMPLETIONS = "/v1/completions"
CONTRACT = Contract(
    kind="glinthawk",
    paths=frozenset({f"POST {COMPLETIONS}", "GET /v1/models"}),
    abilities=frozenset({"completion"}),
    rungs=(Rung.AS_IT_WAS, Rung.FEWER_SLOTS),
    restricted="batch",
    stalled_s=7500.0,  # two batches of the worker's longest
)
BATCH = 8
CONTEXT = 2048


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of Glinthawk. `model`: the directory; `slots`: the size of a batch."""

    compiled: str = ""
    """The model's name as the program knows it, such as llama2-7b-chat."""
    vocabulary: str = ""
    """The file of its words."""
    gather: float = 2.0
    """Seconds that a batch waits to become full."""


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: the program `infer`."""
    batch = options.slots or BATCH
    if reached(rung, Rung.FEWER_SLOTS):
        batch = max(1, batch // 4)
    told = {
        "--infer": command[0],
        "--model-dir": options.model,
        "--model": options.compiled,
        "--vocabulary": options.vocabulary,
        "--alias": options.name,
        "--batch": str(batch),
        "--context-length": str(options.context or CONTEXT),
        "--gather": str(options.gather),
        "--port": str(port),
    }
    words = [word for name, value in told.items() for word in (name, value)]
    return Launch(
        command=(sys.executable, str(WORKER), *words, *options.arguments),
        environment=options.environment,
        ready=ReadyLine(),
        polite_signal=CONTRACT.polite_signal,
        memory_cap_bytes=options.memory_cap or None,
    )


MENDING = Mending(reshaped=frozenset({COMPLETIONS}), carriage=lambda _path, body: Whole(body))


async def read(options: Options, ask: Ask) -> Reading:
    """Its one model. Raises EngineError."""
    status, _ = await ask.status("/health")
    if status != 200:
        raise EngineError(f"/health answered {status}")
    slots = options.slots or BATCH
    listed = named((await ask.get("/v1/models", Listed)).data or [])
    models = [model(entry.id, entry.max_model_len, CONTRACT.abilities) for entry in listed]
    return Reading(models=models, replicas=[replica(each, slots) for each in models], slots=slots)


KIND = EngineKind(
    name="glinthawk",
    about="Glinthawk: completions in batches, for calls that can wait",
    how="build microsoft/glinthawk from source and put infer-fp32 on PATH; its models are fixed when it is compiled",
    options=Options,
    contract=lambda _options: CONTRACT,
    read=read,
    mending=lambda _options: MENDING,
    program="infer-fp32",
    command=lambda found, _options: (found,),
    launch=launch,
    systems=frozenset({"linux"}),
    machines=frozenset({"x86_64", "amd64"}),
)
