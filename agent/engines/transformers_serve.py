"""transformers serve: adopted, or started for one model.

Ran: transformers 5.23. GET /health 200; GET /v1/models lists the hub's cache and not the model it was started for, or
answers 500 where there is no cache: the name comes from the configuration. It knows its model only by what stands on
its command line, refuses calls for any other name, and calls it NAME@main in answers. Chat, completions and responses;
no embeddings, no metrics. Its stream ends without `[DONE]`, with usage in the last chunk. SIGTERM ends it cleanly
within seconds.
"""

import re

import msgspec
from msgspec import Raw

from agent.engines.asking import Ask
from agent.engines.engine import GENERATIONS, Carriage, Contract, EngineError
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import model, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import ANSWER_LIMIT, JSON, DoneAdded, streams
from agent.engines.options import Started
from agent.engines.torch_spec import torch_spec
from agent.loading.spec import LoadSpec
from agent.supervision.launch import Launch, ReadyPath, Rung, reached

CONTRACT = Contract(
    kind="transformers",
    paths=frozenset({"POST /v1/chat/completions", "POST /v1/completions", "GET /v1/models"}),
    serves_any_name=True,
    stalled_s=3600.0,  # a whole answer moves nothing that can be seen before its end
    rungs=(Rung.AS_IT_WAS, Rung.CPU),
)
READY_TIMEOUT_S = 180.0


class Options(Started, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of transformers serve."""

    device: str = ""
    """cpu, cuda, cuda:1, ...; empty: its own choice."""
    dtype: str = ""
    """float32, bfloat16, ...; empty: the model's own."""


_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
"""A caller's words cannot look like it: inside a JSON string the quotes are escaped."""


class StreamRenamed(DoneAdded):
    """A stream whose events name the model as its callers do, with its `[DONE]`."""

    def __init__(self, body: bytes, name: str) -> None:
        super().__init__(body)
        self._name = name

    def feed(self, chunk: bytes) -> bytes:
        """The events."""
        return renamed(super().feed(chunk), self._name)

    def finish(self) -> bytes:
        """Their end. Raises EngineError where the answer stopped before its end."""
        return renamed(super().finish(), self._name)


class Renamed:
    """An answer that names the model as its callers do."""

    content_type: str | None = JSON

    def __init__(self, body: bytes, name: str) -> None:
        self.body = body
        self._name = name
        self._answer = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet. Raises EngineError where the answer grows past all reason."""
        self._answer += chunk
        if len(self._answer) > ANSWER_LIMIT:
            raise EngineError(f"the engine's answer is longer than {ANSWER_LIMIT} bytes")
        return b""

    def finish(self) -> bytes:
        """All of it."""
        return renamed(bytes(self._answer), self._name)


def renamed(answer: bytes, name: str) -> bytes:
    """With that name of the model."""
    told = b'"model":' + msgspec.json.encode(name)
    return _MODEL.sub(lambda _: told, answer)


def asking_for(body: bytes, model: str) -> bytes:
    """The same call for that model; one that is nonsense is the engine's to refuse."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return msgspec.json.encode(fields | {"model": Raw(msgspec.json.encode(model))})


def launch(options: Options, command: tuple[str, ...], port: int, rung: Rung) -> Launch:
    """`command`: the program, or a Python with `-m`, up to `serve`."""
    device = "cpu" if reached(rung, Rung.CPU) else options.device
    told = {"--device": device, "--dtype": options.dtype}
    words = [word for name, value in told.items() if value for word in (name, value)]
    bounds = (*words, "--host", "127.0.0.1", "--port", str(port), *options.arguments)
    return Launch(
        command=(*command, "serve", options.model, *bounds),
        environment={"HF_HUB_OFFLINE": "1"} | options.environment,
        ready=ReadyPath(path="/health"),
        port=port,
        polite_signal=CONTRACT.polite_signal,
        memory_cap_bytes=options.memory_cap or None,
        ready_timeout_s=options.start_timeout or READY_TIMEOUT_S,
    )


def spec(options: Options, _command: tuple[str, ...]) -> LoadSpec:
    """One call at a time; on the device that the owner names, if he does."""
    own = options.device not in ("", "cpu", "cuda", "auto")
    return torch_spec(options, CONTRACT, on_gpus=options.device != "cpu", placed_by_owner=own)


def mending(options: Options) -> Mending:
    """The list of models, the model's name, and the end of its streams."""

    def carriage(_path: str, body: bytes) -> Carriage:
        asked = asking_for(body, options.model) if options.model else body
        return StreamRenamed(asked, options.name) if streams(body) else Renamed(asked, options.name)

    return Mending(reshaped=GENERATIONS, carriage=carriage, lists_wrongly=True)


async def read(options: Options, ask: Ask) -> Reading:
    """The one model of the configuration, once it says that it is well. Raises EngineError."""
    status, _ = await ask.status("/health")
    if status != 200:
        raise EngineError(f"/health answered {status}")
    served = model(options.name, options.context, CONTRACT.abilities)
    slots = options.slots or 1
    return Reading(
        models=[served],
        replicas=[replica(served, slots)],
        slots=slots,
        slots_known=options.slots is not None,
    )


KIND = EngineKind(
    name="transformers",
    about="transformers serve: nearly any model of the hub's formats, one call after the other",
    how='pip install "transformers[serving]" torch into a Python of its own, then python=THAT/bin/python',
    options=Options,
    contract=lambda _options: CONTRACT,
    read=read,
    mending=mending,
    program="transformers",
    command=lambda found, _options: (found,),
    launch=launch,
    spec=spec,
)
