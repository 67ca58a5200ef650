"""The forms of the embedded engine: what each rung asks for, and that the real one starts on each."""

from pathlib import Path

import pytest

from agent.engines.embedded_model import ModelFile
from agent.engines.llamacpp_forms import LlamaCppForms
from agent.supervision.launch import LADDER, Rung
from tests.agent.supervised import WORKER, supervising, until_ready
from tests.fakes.random_model import ensure_random_model

ALL = (Rung.AS_IT_WAS, Rung.FEWER_SLOTS, Rung.SMALLER_CONTEXT, Rung.QUANTISED_KV, Rung.CPU)


def forms(model: Path, slots: int = 4, context_length: int = 4096, outlive_s: float = 0.0) -> LlamaCppForms:
    return LlamaCppForms(ModelFile("m", model), slots, context_length, 1, 20.0, outlive_s)


def test_each_rung_takes_less_and_keeps_what_those_above_it_saved() -> None:
    wanted = forms(Path("m.gguf"))
    assert wanted.rungs == ALL
    assert [(wanted.slots_on(rung), wanted.context_on(rung)) for rung in ALL] == [
        (4, 4096),
        (1, 4096),
        (1, 1024),
        (1, 1024),
        (1, 1024),
    ]
    words = [" ".join(wanted.launch(WORKER, rung).command) for rung in ALL]
    assert ["--kv-type q8_0" in each for each in words] == [False, False, False, True, True]
    assert ["--gpu-layers 0" in each for each in words] == [False, False, False, False, True]


def test_a_rung_that_changes_nothing_is_none() -> None:
    assert forms(Path("m.gguf"), slots=1, context_length=512).rungs == (
        Rung.AS_IT_WAS,
        Rung.QUANTISED_KV,
        Rung.CPU,
    )
    assert forms(Path("m.gguf"), context_length=64).context_on(Rung.CPU) == 64


def test_inputs_of_embeddings_fit_the_form() -> None:
    wanted = forms(Path("m.gguf"))
    assert [wanted.largest_input(rung) for rung in (Rung.AS_IT_WAS, Rung.SMALLER_CONTEXT)] == [2048, 1024]


def test_it_outlives_its_agent_where_that_is_wanted() -> None:
    assert not forms(Path("m")).launch(WORKER, Rung.AS_IT_WAS).outlives_agent
    launch = forms(Path("m"), outlive_s=30.0).launch(WORKER, Rung.AS_IT_WAS)
    assert launch.outlives_agent
    assert launch.command[-2:] == ("--outlive", "30.0")


def test_a_bigger_model_may_load_longer() -> None:
    launches = [forms(Path("m")).launch(WORKER, Rung.AS_IT_WAS, size) for size in (0, 10**9)]
    assert [launch.ready_timeout_s for launch in launches] == [20.0, 40.0]


@pytest.mark.real_engine
@pytest.mark.parametrize("rung", [rung for rung in LADDER if rung in ALL])
async def test_the_real_one_starts_on_it(tmp_path: Path, rung: Rung) -> None:
    wanted = forms(ensure_random_model(tmp_path))
    async with supervising(tmp_path, lambda _: wanted.launch(WORKER, rung)) as supervisor:
        await until_ready(supervisor)
        assert supervisor.events.all() == ()
