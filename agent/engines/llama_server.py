"""llama.cpp's own `llama-server`, adopted or started from PATH: with one model, or as a router over a directory.

Ran: 0.7.0/b11669. GET /props {total_slots, default_generation_settings.n_ctx (per slot), build_info}; GET /slots; GET
/v1/models {data: [{id, meta}]}. With one model it serves any name that it is asked for. Its context is split over its
slots. As a router GET /models tells status.value (unloaded, loaded) and `failed`; /props and /slots need ?model=; a
load may answer {"success": true} for a corrupt model, and at --models-max puts a good one out first. A child that dies
is loaded anew by the next call; health stays 200. SIGTERM ends it with 0. Calls are carried as to the embedded engine.
"""

import hashlib
from urllib.parse import quote

import aiohttp
from msgspec import Raw, Struct

from agent.engines import llamacpp_calls
from agent.engines.asking import Ask
from agent.engines.engine import (
    GENERATIONS,
    OPENAI_PATHS,
    Contract,
    EngineError,
    count_or_none,
    decoded,
    slots_within,
)
from agent.engines.kind import EngineKind
from agent.engines.llamacpp_placed import placed_words, places_itself, sees_gpus
from agent.engines.llamacpp_shapes import Generation, Meta, ModelEntry, Models, Props, Slot
from agent.engines.openai_server import Mending, Reading
from agent.engines.options import Started
from agent.loading.spec import LoadSpec
from agent.models.estimate import Load
from agent.models.shape import Shape
from agent.supervision.launch import LADDER, Launch, ReadyPath, Rung, reached
from shared.names import is_model_name
from shared.wire import Model, Replica

CONTRACT = Contract(kind="llama.cpp", paths=OPENAI_PATHS, serves_any_name=True, rungs=LADDER)
PROGRAM = "llama-server"
READY_TIMEOUT_S = 300.0
SLOTS, CONTEXT = 2, 4096
"""Where nothing is said. `CONTEXT`: tokens of each slot."""
LEAST_CONTEXT = 512
PART_OF_LAYERS = 2
"""On the rung of fewer GPU layers the layers that are told, else `MOST_LAYERS`, are divided by it."""
MOST_LAYERS = 32


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of llama-server. `context`: tokens of each slot."""

    models_dir: str = ""
    """A directory of models, for router mode; then `model` is left out."""
    models_max: int = 1
    """Models loaded at once, in router mode."""
    gpu_layers: int | None = None
    """Layers on the GPU; None: its own choice."""
    embedding: bool = False
    """Whether it also serves embeddings."""


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: the program."""
    what = (
        ["--models-dir", options.models_dir, "--models-max", str(options.models_max)]
        if options.models_dir
        else ["-m", options.model, "--alias", options.name]
    )
    where = ["--host", "127.0.0.1", "--port", str(port), "--metrics", "--slots", "--props"]
    return Launch(
        command=(*command, *what, *where, *_bounds(options, rung), *options.arguments),
        environment=options.environment,
        ready=ReadyPath(path="/health"),
        port=port,
        polite_signal=CONTRACT.polite_signal,
        memory_cap_bytes=options.memory_cap or None,
        ready_timeout_s=options.start_timeout or READY_TIMEOUT_S,
    )


def spec(options: Options, command: tuple[str, ...]) -> LoadSpec:
    """A router's models come and go by themselves: nothing is judged before its start."""
    own = options.gpu_layers is not None or places_itself(options.arguments)

    def load(rung: Rung, shape: Shape) -> Load:
        slots, context = _sizes(options, rung)
        kind = "Q8_0" if reached(rung, Rung.QUANTISED_KV) else "F16"
        return Load(min(context, shape.max_context or context), slots, keys=kind, values=kind)

    return LoadSpec(
        path="" if options.models_dir else options.model,
        kind=CONTRACT.kind,
        load=load,
        rungs=CONTRACT.rungs,
        spread="layers",
        placed_by_owner=own,
        sees_gpus=lambda: sees_gpus(command, otherwise=True),
        arguments=lambda placement, _cap: placed_words(placement),
        allocates_at_load=True,
        environment=options.environment,
    )


def _sizes(options: Options, rung: Rung) -> tuple[int, int]:
    """Slots, and tokens of each."""
    slots, context = options.slots or SLOTS, options.context or CONTEXT
    if reached(rung, Rung.FEWER_SLOTS):
        slots = 1
    if reached(rung, Rung.SMALLER_CONTEXT):
        context = max(LEAST_CONTEXT, context // 2)
    return slots, context


def _bounds(options: Options, rung: Rung) -> list[str]:
    slots, context = _sizes(options, rung)
    layers = options.gpu_layers
    if reached(rung, Rung.FEWER_GPU_LAYERS):
        layers = (MOST_LAYERS if layers is None else layers) // PART_OF_LAYERS
    if reached(rung, Rung.CPU):
        layers = 0
    bounds = ["-c", str(context * slots), "-np", str(slots)]
    if reached(rung, Rung.QUANTISED_KV):
        bounds += ["--cache-type-k", "q8_0", "--cache-type-v", "q8_0", "--flash-attn", "on"]
    if layers is not None:
        bounds += ["-ngl", str(layers)]
    return [*bounds, "--embeddings"] if options.embedding else bounds


MENDING = Mending(
    reshaped=GENERATIONS | {"/v1/embeddings"},
    carriage=llamacpp_calls.carriage,
    true_fault=llamacpp_calls.true_fault,
)


async def read(options: Options, ask: Ask) -> Reading:
    """Raises EngineError."""
    if options.models_dir:
        return await _routed(options, ask)
    props = await ask.get("/props", Props)
    told = await ask.get("/slots", Raw)
    busy = _busy(decoded(told, list[Slot], "/slots"))
    found = [each for each in (await ask.get("/v1/models", Models)).data if is_model_name(each.id)]
    slots = slots_within(props.total_slots)
    return Reading(
        models=[_model(each, options, props) for each in found],
        replicas=[_replica(each, props, busy) for each in found],
        version=props.build_info,
        mark=hashlib.sha256(told).hexdigest(),  # they tell how far each call has come
        slots=slots,
    )


async def _routed(options: Options, ask: Ask) -> Reading:
    """Those on its disk are models, those that are loaded replicas; one that failed to load is neither."""
    listed = [each for each in (await ask.get("/models", Models)).data if is_model_name(each.id)]
    found = [each for each in listed if not (each.status and each.status.failed)]
    models, replicas, marks = [], [], b""
    for each in found:
        props = Props()
        if each.status and each.status.value == "loaded":
            try:
                props = await ask.get(f"/props?model={quote(each.id, safe='')}", Props)
                told = await ask.get(f"/slots?model={quote(each.id, safe='')}", Raw)
                busy = _busy(decoded(told, list[Slot], "/slots"))
            except EngineError:
                pass  # put out meanwhile: on disk still
            else:
                replicas.append(_replica(each, props, busy))
                marks += told
        models.append(_model(each, options, props))
    mark = hashlib.sha256(marks).hexdigest()
    return Reading(models=models, replicas=replicas, slots=options.slots or SLOTS, mark=mark)


def _busy(slots: list[Slot]) -> int:
    return sum(slot.is_processing for slot in slots)


def _model(entry: ModelEntry, options: Options, props: Props) -> Model:
    meta = entry.meta or Meta()
    abilities = {"chat"} | ({"embedding"} if options.embedding else set())
    abilities |= {"tools"} if props.chat_template_caps.supports_tools else set()
    abilities |= {"vision"} if props.modalities.vision else set()
    known = not options.models_dir or props.default_generation_settings.n_ctx > 0
    return Model(
        name=entry.id,
        size_bytes=count_or_none(meta.size) or 0,
        quantization=meta.ftype,
        format="gguf",
        max_context=count_or_none(meta.n_ctx_train) or None,
        abilities=frozenset(abilities) if known else frozenset(),
    )


def _replica(entry: ModelEntry, props: Props, busy: int) -> Replica:
    slots = slots_within(props.total_slots)
    return Replica(
        model=entry.id,
        size_bytes=count_or_none((entry.meta or Meta()).size) or 0,
        context_length=count_or_none(props.default_generation_settings.n_ctx) or None,
        slots_total=slots,
        slots_busy=min(busy, slots),
    )


async def unload(session: aiohttp.ClientSession, url: str, model: str) -> None:
    """Takes a model out of a router's memory. Raises EngineError."""
    try:
        async with session.post(
            f"{url}/models/unload", json={"model": model}, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise EngineError(f"/models/unload answered {response.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EngineError(f"/models/unload: {str(error) or 'timed out'}") from error


class Sign(Struct):
    """Of /props: no other engine counts slots there."""

    total_slots: int
    default_generation_settings: Generation


KIND = EngineKind(
    name=PROGRAM,
    about="llama.cpp's own server, with one GGUF file or as a router over a directory",
    how="install llama.cpp so that llama-server is on PATH (a package of the system, or a release of llama.cpp)",
    options=Options,
    contract=lambda _options: CONTRACT,
    read=read,
    mending=lambda _options: MENDING,
    program=PROGRAM,
    command=lambda found, _options: (found,),
    launch=launch,
    spec=spec,
    listens_at="http://127.0.0.1:8080",
    sign=("/props", Sign),
    needs_model=False,
    unload=unload,
)
