"""ServerlessLLM: a local cluster as a provider; adopted, never started, since its Ray and its store are started apart.

Ran: the head of 0.8.0; its router read in the source. GET /health is 200 also without a worker, so it is no readiness;
GET /v1/models {models: [...]} (`models`, not `data`), which lists what is registered. It never streams. An unregistered
model is a 500 in plain text; its router's errors come as 200 {"error": "Instance not found"}; without capacity a call
waits for ever.
"""

from typing import Any

import msgspec
from msgspec import Struct

from agent.engines.asking import Ask
from agent.engines.engine import GENERATIONS, Carriage, Contract, decoded
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import Entry, as_list, model, named
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import JSON, Whole, said_as_error
from agent.engines.options import Calls, Seconds
from agent.engines.options import Options as Shared

LIST_PATH = "/v1/models"
EMBEDDINGS = "/v1/embeddings"
CONTRACT = Contract(
    kind="serverlessllm",
    paths=frozenset({"POST /v1/chat/completions", f"POST {EMBEDDINGS}", f"GET {LIST_PATH}"}),
    abilities=frozenset({"chat"}),
)
ANSWER_TIMEOUT_S = 600.0
"""A cold model is fetched from a disk first; without capacity it would be for ever."""


class Options(Shared, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of ServerlessLLM."""

    url: str = "http://127.0.0.1:8343"
    slots: Calls | None = None
    """Calls at once for each model; None: one, and more are learned."""
    answer_timeout: Seconds = ANSWER_TIMEOUT_S
    """Seconds in which a call must be over."""


class _Models(Struct):
    models: list[Any] | None = None


class _ListMended:
    """Its list under the key that callers know."""

    content_type: str | None = JSON

    def __init__(self) -> None:
        self.body = b""
        self._answer = b""

    def feed(self, chunk: bytes) -> bytes:
        """Nothing yet."""
        self._answer += chunk
        return b""

    def finish(self) -> bytes:
        """The names. Raises EngineError."""
        return as_list(entry.id for entry in entries(decoded(self._answer, _Models, LIST_PATH).models))


def contract(options: Options) -> Contract:
    """With the deadline that is set."""
    return msgspec.structs.replace(CONTRACT, answer_timeout_s=options.answer_timeout)


def _carriage(path: str, body: bytes) -> Carriage | None:
    return _ListMended() if path == LIST_PATH else Whole(body)


def _true_fault(status: int, body: bytes) -> tuple[int, bytes]:
    """Plain text becomes an error in the dialect."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return said_as_error(body.decode("utf-8", "replace"), status)
    return said_as_error(told.get("error") or told.get("detail") or told, status)


MENDING = Mending(reshaped=GENERATIONS | {LIST_PATH, EMBEDDINGS}, carriage=_carriage, true_fault=_true_fault)


def entries(told: list[Any] | None) -> list[Entry]:
    """What is registered: names, or objects with an `id`."""
    found = [Entry(id=each) if isinstance(each, str) else _entry(each) for each in told or []]
    return named(found)


def _entry(told: Any) -> Entry:
    try:
        return msgspec.convert(told, Entry)
    except msgspec.ValidationError:
        return Entry()


async def read(options: Options, ask: Ask) -> Reading:
    """What is registered; whether it is loaded nobody tells, so nothing is a replica. Raises EngineError."""
    listed = entries((await ask.get(LIST_PATH, _Models)).models)
    models = [model(entry.id, entry.max_model_len, frozenset()) for entry in listed]
    slots = options.slots or 1
    return Reading(
        models=models,
        slots=slots,
        slots_known=options.slots is not None,
    )


class Sign(Struct):
    """Of its list: others say `data`."""

    models: list[Any]


KIND = EngineKind(
    name="serverlessllm",
    about="a ServerlessLLM cluster: models that are fetched when they are called",
    how="start its Ray, its store and `sllm start --host 127.0.0.1 --port 8343` as its guide says; it is only adopted",
    options=Options,
    contract=contract,
    read=read,
    mending=lambda _options: MENDING,
    program="sllm",
    systems=frozenset({"linux"}),
    listens_at="http://127.0.0.1:8343",
    sign=(LIST_PATH, Sign),
)
