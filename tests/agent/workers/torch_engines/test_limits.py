"""Contexts by memory, and the choices that the two programs make from what is there. Pure."""

from types import SimpleNamespace

import pytest

from agent.workers.torch_engines import deepspeed, headinfer, memory, ranks
from agent.workers.torch_engines.asked import Refused
from agent.workers.torch_engines.models import fitting

LLAMA_8B = SimpleNamespace(
    hidden_size=4096,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=131_072,
)


def test_a_token_of_llama_8b_takes_128_kib() -> None:
    assert memory.kv_bytes(LLAMA_8B, 2) == 128 * 2**10
    assert memory.own_context(LLAMA_8B) == 131_072
    plain = SimpleNamespace(hidden_size=64, num_hidden_layers=2, num_attention_heads=4)
    assert memory.kv_bytes(plain, 4) == 2 * 2 * 4 * 16 * 4
    assert memory.own_context(plain) == 2**20


def test_a_context_is_what_the_memory_has_room_for() -> None:
    token = memory.kv_bytes(LLAMA_8B, 2)
    assert memory.context_limit(131_072, 64 * 2**30, token) == 131_072
    assert memory.context_limit(131_072, 16 * 2**30, token) == 52_428
    assert memory.context_limit(131_072, 16 * 2**30, token, slots=8) == 6553
    assert memory.context_limit(131_072, 0, token) == memory.LEAST
    assert memory.free_host() > 0


def test_of_an_offloaded_cache_little_is_on_the_gpu() -> None:
    assert headinfer.on_gpu(headinfer.OFFLOADED, LLAMA_8B) == 2 / 32
    assert headinfer.on_gpu(headinfer.HEADINFER, LLAMA_8B) == 2 / 32 / 8


@pytest.mark.parametrize(
    ("how", "device", "installed", "then"),
    [
        ("auto", "cpu", True, "plain"),
        ("auto", "cuda", False, "offloaded"),
        ("auto", "cuda", True, "headinfer"),
        ("plain", "cuda", True, "plain"),
        ("offloaded", "cuda", True, "offloaded"),
    ],
)
def test_the_first_way_that_is_possible(how: str, device: str, installed: bool, then: str) -> None:
    assert headinfer.picked(how, device, installed=installed) == then


@pytest.mark.parametrize(
    ("how", "device"), [("headinfer", "cuda"), ("offloaded", "cpu"), ("headinfer", "cpu")]
)
def test_an_impossible_way_is_not_taken_for_another(how: str, device: str) -> None:
    with pytest.raises(ValueError, match=how):
        headinfer.picked(how, device, installed=False)


def test_zero_keeps_the_weights_where_it_is_told() -> None:
    none = deepspeed.zero_config("none", None, "cpu", False, False)
    assert none["zero_optimization"] == {"stage": 3}
    nvme = deepspeed.zero_config("nvme", "/n", "cuda:0", True, False)
    assert nvme["bf16"] == {"enabled": True}
    assert nvme["zero_optimization"]["offload_param"] == {
        "device": "nvme",
        "pin_memory": True,
        "nvme_path": "/n",
    }


def test_ranks_take_the_gpus_that_they_may_see() -> None:
    assert ranks.devices(2, "2,5,7") == [2, 5]
    assert ranks.devices(2, "") == ranks.devices(2, "4") == [0, 1]


def test_an_answer_is_as_long_as_the_context_has_room_for() -> None:
    assert fitting([1] * 10, None, 64) == 54
    assert fitting([1] * 10, 5, 64) == 5
    assert fitting([1] * 10, 500, 64) == 54
    with pytest.raises(Refused, match="exceeds the context of 64 tokens"):
        fitting([1] * 64, 1, 64)
    with pytest.raises(Refused, match="empty"):
        fitting([], 1, 64)
