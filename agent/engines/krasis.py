"""Krasis: adopted, or started for one model.

Source read: brontoguana/krasis 2a419dc (v0.1.62). GET /health {status, max_context_tokens}; GET /v1/models without
particulars; POST /v1/chat/completions, whose stream has an extra chunk {choices: [], krasis_timing} before `[DONE]`;
all else is 404. It takes one connection at a time: while a call runs, not even /health is answered. It listens
everywhere unless told otherwise. SIGTERM waits for a call that comes later; SIGINT does not. When it cannot bind it
ends with status 0. Its registry ~/.krasis/servers/PID.json outlives a crash.
"""

import signal

from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import Carriage, Contract
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import Listed, model, named, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import EventsDropped, streams
from agent.engines.options import Started
from agent.supervision.launch import Launch, ReadyPath, Rung, reached

CHAT = "/v1/chat/completions"
CONTRACT = Contract(
    kind="krasis",
    paths=frozenset({f"POST {CHAT}", "GET /v1/models"}),
    one_at_a_time=True,
    silent_while_busy=True,
    stalled_s=3600.0,  # a whole answer moves nothing that can be seen before its end
    serves_any_name=True,
    polite_signal=signal.SIGINT,
    leftovers=("~/.krasis/servers/{pid}.json",),
    rungs=(Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT),
)
TIMING = "krasis_timing"
READY_TIMEOUT_S = 1800.0
"""It reads and rewrites all of a large model; minutes are usual."""
KV_CACHE_MB = 2000
"""Its own default, from which the ladder goes down."""


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of Krasis."""

    gpus: int | None = None
    """How many it may use; None: its own choice."""
    kv_cache_mb: int | None = None
    """MB of VRAM for the cache; None: its own default."""
    threads: int | None = None
    """Of the processor; None: its own choice."""


class _Health(Struct):
    max_context_tokens: int | None = None


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: the program, or a Python with `-m krasis.server`."""
    cache = options.kv_cache_mb
    if reached(rung, Rung.SMALLER_CONTEXT):
        cache = (cache or KV_CACHE_MB) // 2
    told = {"--num-gpus": options.gpus, "--kv-cache-mb": cache, "--krasis-threads": options.threads}
    words = [word for name, value in told.items() if value is not None for word in (name, str(value))]
    where = ("--model-path", options.model, "--host", "127.0.0.1", "--port", str(port))
    return Launch(
        command=(*command, *where, *words, *options.arguments),
        environment=options.environment,
        ready=ReadyPath(path="/health"),
        port=port,
        polite_signal=CONTRACT.polite_signal,
        leftovers=CONTRACT.leftovers,
        ready_timeout_s=options.start_timeout or READY_TIMEOUT_S,
    )


def _carriage(path: str, body: bytes) -> Carriage | None:
    return EventsDropped(body, TIMING) if path == CHAT and streams(body) else None


MENDING = Mending(reshaped=frozenset({CHAT}), carriage=_carriage)


async def read(options: Options, ask: Ask) -> Reading:
    """Its models with the context that /health tells. Raises EngineError. Ask only while no call is with it."""
    context = (await ask.get("/health", _Health)).max_context_tokens
    listed = named((await ask.get("/v1/models", Listed)).data or [])
    models = [model(entry.id, context, CONTRACT.abilities) for entry in listed]
    if not models and options.name:
        models = [model(options.name, context, CONTRACT.abilities)]
    return Reading(models=models, replicas=[replica(each, 1) for each in models])


class Sign(Struct):
    """Of /health: no other engine tells its context there."""

    max_context_tokens: int


KIND = EngineKind(
    name="krasis",
    about="Krasis: large mixtures of experts, prefill on the GPU, decode on the processor",
    how="its own install.sh and krasis-setup; it needs an NVIDIA GPU and a BF16 model of its families",
    options=Options,
    contract=lambda _options: CONTRACT,
    read=read,
    mending=lambda _options: MENDING,
    program="krasis",
    by_module=True,
    command=lambda found, options: (
        (options.python, "-m", "krasis.server") if options.python else (found, "--non-interactive")
    ),
    launch=launch,
    systems=frozenset({"linux"}),
    needs_gpu="nvidia",
    listens_at="http://127.0.0.1:8012",
    sign=("/health", Sign),
)
