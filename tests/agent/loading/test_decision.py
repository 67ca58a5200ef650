"""On which rung and on which cards a model goes, on nodes that are full in many ways."""

import pytest

from agent.engines import vllm
from agent.loading.decision import NoRoom, decided, needed, total_bytes
from agent.loading.spec import LoadSpec
from agent.models.placement import Card, Placement
from agent.models.unloading import Loaded
from agent.supervision.launch import LADDER, Rung
from tests.agent.loading.llama import LLAMA, room, spec
from tests.agent.models.test_placement import GIB, card

NOW = 10_000.0


def placed(rung: Rung, *cards: Card, host: float = 64, how: LoadSpec | None = None) -> Placement:
    found = decided(how or spec(), LLAMA, rung, room(*cards, host=host), (), NOW)
    assert not isinstance(found, NoRoom), found
    return found.placement


def refused(rung: Rung, *cards: Card, host: float = 64, how: LoadSpec | None = None) -> NoRoom:
    found = decided(how or spec(), LLAMA, rung, room(*cards, host=host), (), NOW)
    assert isinstance(found, NoRoom), found
    return found


def free(gib: float, index: int = 0) -> Card:
    """Of 24 GiB; of what is free the cap leaves 4.8 less."""
    return card(index, 24, gib + 4.8)


def on_one_gpu(rung: Rung) -> int:
    return needed(spec(), LLAMA, rung, gpu=True).on_one_gpu


def test_each_rung_needs_less() -> None:
    sizes = [on_one_gpu(rung) / GIB for rung in LADDER[:4]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(6.1, abs=0.2)
    assert sizes[3] == pytest.approx(5.2, abs=0.2)


def test_whole_where_it_fits() -> None:
    found = placed(Rung.AS_IT_WAS, free(7))
    assert (found.whole, found.gpu_layers) == (True, 33)


def test_a_humbler_form_that_goes_whole_is_better_than_a_part() -> None:
    tight = free(on_one_gpu(Rung.FEWER_SLOTS) / GIB + 0.01)
    found = refused(Rung.AS_IT_WAS, tight)
    assert found.rung is Rung.FEWER_SLOTS
    assert found.reason == "needs 6.0 GiB, best free 5.5 GiB on GPU 0"
    assert placed(Rung.FEWER_SLOTS, tight).whole


def test_rungs_that_would_not_help_are_not_gone_down() -> None:
    found = placed(Rung.AS_IT_WAS, free(4))
    assert not found.whole
    assert 0 < found.gpu_layers < 32
    assert found.gpu_bytes[0] <= 4 * GIB


def test_on_several_cards_before_anything_humbler() -> None:
    found = placed(Rung.AS_IT_WAS, free(4.5), free(4.5, 1))
    assert (found.whole, len(found.cards)) == (True, 2)


def test_fewer_layers_are_fewer_even_where_all_would_fit_by_the_estimate() -> None:
    assert placed(Rung.FEWER_GPU_LAYERS, free(19)).gpu_layers == 16
    some = placed(Rung.FEWER_GPU_LAYERS, free(5))
    layer = needed(spec(), LLAMA, Rung.FEWER_GPU_LAYERS, gpu=True).layer_bytes[0]
    assert 0 < some.gpu_layers < 32
    assert some.gpu_layers * layer <= 3 * GIB  # what is free under the cap, minus 2 GiB


def test_without_gpus_it_is_the_hosts_memory_that_counts() -> None:
    found = placed(Rung.AS_IT_WAS, host=12)
    assert (found.cards, found.gpu_bytes) == ((), ())
    assert found.host_bytes == total_bytes(spec(), LLAMA, Rung.AS_IT_WAS, gpu=False)
    tight = refused(Rung.AS_IT_WAS, host=7)
    assert tight.rung is Rung.FEWER_SLOTS
    assert refused(Rung.AS_IT_WAS, host=1) == NoRoom(
        f"needs {found.host_bytes / GIB:.1f} GiB of the host's memory, free 819 MiB"
    )


def test_on_the_lowest_rung_cards_are_left_alone() -> None:
    assert placed(Rung.CPU, free(19)).cards == ()
    assert placed(Rung.AS_IT_WAS, free(19), how=spec_on_processors()).cards == ()


def spec_on_processors() -> LoadSpec:
    given = spec()
    return LoadSpec(path=given.path, kind="k", load=given.load, rungs=given.rungs, on_gpus=False)


def test_quarantined_cards_take_nothing() -> None:
    found = placed(Rung.AS_IT_WAS, card(0, 24, quarantined=True), card(1, 24))
    assert [each.index for each in found.cards] == [1]
    only = refused(Rung.AS_IT_WAS, card(0, 24, quarantined=True), host=1)
    assert "GPU 0 is quarantined" in only.reason


def test_what_others_loaded_goes_before_a_form_is_humbler() -> None:
    there = Loaded("ollama/old", {"GPU-0": 10 * GIB}, 0, NOW - 900, 10.0)
    found = decided(spec(), LLAMA, Rung.AS_IT_WAS, room(free(2)), [there], NOW)
    assert not isinstance(found, NoRoom)
    assert (found.unload, found.placement.whole) == (("ollama/old",), True)


def test_vllm_shares_each_layer_evenly() -> None:
    options = vllm.Options(model="/m/llama", context=4096)
    how = vllm.spec(options, ())
    found = placed(Rung.AS_IT_WAS, free(4), free(4, 1), free(4, 2), how=how)
    assert (len(found.cards), found.gpu_bytes[0] == found.gpu_bytes[1]) == (2, True)
    words = vllm.placed_words(options, found, 0.8)
    assert words == ("--gpu-memory-utilization", "0.16", "--tensor-parallel-size", "2")
    assert refused(Rung.AS_IT_WAS, free(3), how=how).rung is None


def test_no_number_of_cards_that_heads_cannot_be_shared_by() -> None:
    """Eight heads: two, four or eight cards."""
    how = vllm.spec(vllm.Options(model="/m/llama", context=4096), ())
    tight = [free(2.9, index) for index in range(4)]
    assert len(placed(Rung.AS_IT_WAS, *tight, how=how).cards) == 4
    assert refused(Rung.AS_IT_WAS, *tight[:3], how=how).rung is None


def test_the_owners_word_is_not_said_twice() -> None:
    found = placed(Rung.AS_IT_WAS, free(9), how=vllm.spec(vllm.Options(model="/m/l", context=4096), ()))
    for told in ({"gpu_memory": 0.5}, {"arguments": ("--gpu-memory-utilization=0.5",)}):
        assert vllm.placed_words(vllm.Options(model="/m/l", **told), found, 0.8) == ()
    assert spec(arguments=("-ngl", "7")).placed_by_owner
    assert spec(gpu_layers=7).placed_by_owner
    assert not spec().placed_by_owner
