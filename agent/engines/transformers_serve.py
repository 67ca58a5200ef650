"""transformers serve: adopted, or started for one model.

Ran: transformers 5.23. GET /health 200; GET /v1/models lists the hub's cache and not the model it was started for, so
often nothing: the name comes from the configuration. Chat, completions and responses; no embeddings, no metrics. Its
stream ends without `[DONE]`, with usage in the last chunk. SIGTERM ends it cleanly within seconds.
"""

from agent.engines.asking import Ask
from agent.engines.engine import GENERATIONS, Carriage, Contract, EngineError
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import as_list, model, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import JSON, DoneAdded, streams
from agent.engines.options import Started
from agent.engines.torch_spec import torch_spec
from agent.loading.spec import LoadSpec
from agent.supervision.launch import Launch, ReadyPath, Rung, reached

LIST_PATH = "/v1/models"
CONTRACT = Contract(
    kind="transformers",
    paths=frozenset({"POST /v1/chat/completions", "POST /v1/completions", f"GET {LIST_PATH}"}),
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


class ListMended:
    """Its list of models, with the one that it serves."""

    content_type: str | None = JSON

    def __init__(self, name: str) -> None:
        self.body = b""
        self._name = name

    def feed(self, _chunk: bytes) -> bytes:
        """What it lists is none of what it serves."""
        return b""

    def finish(self) -> bytes:
        """The one model."""
        return as_list([self._name])


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
    """The list of models, and the end of its streams."""

    def carriage(path: str, body: bytes) -> Carriage | None:
        if path == LIST_PATH:
            return ListMended(options.name)
        return DoneAdded(body) if streams(body) else None

    return Mending(reshaped=GENERATIONS | {LIST_PATH}, carriage=carriage)


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
