"""What engines on top of torch say of their loads."""

import msgspec
import pytest

from agent.engines import transformers_serve
from agent.engines.engine import Contract
from agent.engines.options import Started
from agent.engines.torch_spec import torch_spec
from agent.loading.decision import decided
from agent.loading.spec import LoadSpec
from agent.models.unloading import Plan
from agent.supervision.launch import LADDER, Rung
from tests.agent.loading.llama import LLAMA, room
from tests.agent.models.test_placement import card


def sizes(spec: LoadSpec, *rungs: Rung) -> list[tuple[int, int]]:
    loads = [spec.load(rung, LLAMA.shape) for rung in rungs]
    return [(load.context, load.slots) for load in loads]


def test_context_and_calls_by_rung() -> None:
    contract = Contract(kind="k", rungs=(Rung.AS_IT_WAS, Rung.FEWER_SLOTS, Rung.SMALLER_CONTEXT))
    spec = torch_spec(Started(model="/m/x", context=4_096), contract, slots=8)
    assert sizes(spec, *LADDER[:3]) == [(4_096, 8), (4_096, 2), (2_048, 2)]
    plain = msgspec.structs.replace(contract, rungs=(Rung.AS_IT_WAS, Rung.CPU))
    assert sizes(torch_spec(Started(model="/m/x"), plain), Rung.AS_IT_WAS, Rung.CPU) == [(8_192, 1)] * 2
    assert sizes(torch_spec(Started(model="/m/x", context=10**6), plain), Rung.CPU) == [(131_072, 1)]


@pytest.mark.parametrize(
    ("device", "gpus", "own"),
    [("", True, False), ("cuda", True, False), ("cpu", False, False), ("cuda:1", True, True)],
)
def test_transformers_where_the_owner_wants_it(device: str, gpus: bool, own: bool) -> None:
    spec = transformers_serve.spec(transformers_serve.Options(model="/m/x", device=device), ())
    assert (spec.on_gpus, spec.placed_by_owner) == (gpus, own)


def test_all_of_it_on_one_card_or_in_the_hosts_memory() -> None:
    spec = transformers_serve.spec(transformers_serve.Options(model="/m/x"), ())
    found = decided(spec, LLAMA, Rung.AS_IT_WAS, room(card(0, 24)), (), 0.0)
    assert isinstance(found, Plan)
    assert found.placement.whole
    tight = decided(spec, LLAMA, Rung.AS_IT_WAS, room(card(0, 7), card(1, 7)), (), 0.0)
    assert not isinstance(tight, Plan)
    assert tight.rung is Rung.CPU
