"""How DeepSpeed and HeadInfer are started, and less on each rung; which Python, and what it must have."""

import sys
from pathlib import Path

import pytest

from agent.config import Settings
from agent.engines import deepspeed, headinfer, torch_worker
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.wanted import WantedError, wanted
from agent.supervision.launch import ReadyLine, Rung
from agent.verbs.engines import lacks, options_named, programs_here


def words(options: deepspeed.Options, rung: Rung) -> str:
    return " ".join(deepspeed.launch(options, ("py",), 9, rung).command)


def test_deepspeed_as_it_is_told_and_less_on_each_rung() -> None:
    options = deepspeed.Options(
        model="/m/llama",
        context=8192,
        slots=16,
        dtype="bfloat16",
        tensor_parallel=2,
        arguments=("--chunk", "64"),
    )
    assert words(options, Rung.AS_IT_WAS) == (
        "py -m torch_engines.deepspeed --model /m/llama --alias llama --port 9 --dtype bfloat16 "
        "--context-length 8192 --slots 16 --tensor-parallel 2 --chunk 64"
    )
    assert "--context-length 8192 --slots 4 --tensor-parallel 2" in words(options, Rung.FEWER_SLOTS)
    assert "--context-length 4096 --slots 4 --tensor-parallel 2" in words(options, Rung.SMALLER_CONTEXT)
    assert "--slots 4 --zero cpu --chunk" in words(options, Rung.FEWER_GPU_LAYERS)
    assert "--device cpu --dtype bfloat16 --context-length 4096 --slots 4 --chunk" in words(options, Rung.CPU)


def test_weights_on_nvme_stay_there() -> None:
    options = deepspeed.Options(model="/m/x", zero="nvme", nvme_path="/n")
    for rung in (Rung.AS_IT_WAS, Rung.FEWER_GPU_LAYERS):
        assert "--zero nvme --nvme-path /n" in words(options, rung)


def test_on_a_processor_there_is_no_gpu_to_be_left() -> None:
    for module in (deepspeed, headinfer):
        assert Rung.CPU in module.contract(module.Options()).rungs
        assert Rung.CPU not in module.contract(module.Options(device="cpu")).rungs


def test_headinfer_one_call_at_a_time_by_the_cache_that_is_asked_for() -> None:
    options = headinfer.Options(model="~/m/x", cache="offloaded")
    launch = headinfer.launch(options, ("py",), 9, Rung.AS_IT_WAS)
    assert " ".join(launch.command).endswith("--alias x --port 9 --how offloaded")
    assert launch.command[4] == str(Path("~/m/x").expanduser())
    humblest = " ".join(headinfer.launch(options, ("py",), 9, Rung.CPU).command)
    assert humblest.endswith("--device cpu --context-length 8192")
    assert headinfer.contract(options).one_at_a_time


def test_a_worker_finds_its_modules_and_not_the_agents() -> None:
    own = {"PYTHONPATH": "/own"}
    launch = deepspeed.launch(deepspeed.Options(model="/m", environment=own), ("py",), 9, Rung.AS_IT_WAS)
    assert launch.environment["PYTHONPATH"] == f"{torch_worker.WORKERS}:/own"
    assert launch.environment["PYTHONSAFEPATH"] == "1"
    assert isinstance(launch.ready, ReadyLine)
    assert "/dev/shm/deepspeed_allreduce_buffer_*_{pid}_*" in launch.leftovers  # noqa: S108


def test_time_to_be_ready_is_by_the_models_size_and_the_compiler(tmp_path: Path) -> None:
    def seconds(**more: str) -> float:
        options = deepspeed.Options(model=str(tmp_path), **more)  # type: ignore[arg-type]
        return deepspeed.launch(options, ("py",), 9, Rung.AS_IT_WAS).ready_timeout_s

    empty = seconds()
    with (tmp_path / "model.safetensors").open("wb") as weights:
        weights.truncate(10**10)
    assert seconds() == empty + 200
    assert seconds(zero="cpu") == empty + 200 + deepspeed.BUILD_S
    assert torch_worker.model_bytes(deepspeed.Options(model="/nowhere")) == 0


def test_the_python_is_the_one_that_is_named_or_that_of_the_script() -> None:
    named = deepspeed.Options(python="/v/bin/python3")
    assert torch_worker.command("/v/bin/python3", named) == ("/v/bin/python3",)
    assert torch_worker.command("/v/bin/deepspeed", deepspeed.Options()) == ("/v/bin/python",)


@pytest.mark.parametrize("wrong", ["deepspeed:zero=ram", "deepspeed:tensor_parallel=0", "headinfer:cache=x"])
def test_a_wrong_word_is_found_before_anything_starts(wrong: str) -> None:
    with pytest.raises(WantedError):
        wanted([wrong], {}, KINDS, BUILT_IN)


def test_a_python_that_lacks_a_module_is_told() -> None:
    assert lacks(sys.executable, ("json", "asyncio")) == ""
    assert (
        lacks(sys.executable, ("json", "nosuch", "nor_this"))
        == f"{sys.executable} has no nosuch and no nor_this"
    )
    assert "cannot be run" in lacks("/no/python", ("json",))


def test_a_named_python_is_looked_for_where_the_owner_says(tmp_path: Path) -> None:
    told = options_named(Settings(data_dir=str(tmp_path), engine=(f"deepspeed:python={sys.executable}",)))
    assert programs_here(told)["deepspeed"] == sys.executable
    (tmp_path / "engines.toml").write_text('[long]\nkind = "headinfer"\npython = "/no/python"\n')
    told = options_named(Settings(data_dir=str(tmp_path)))
    assert "headinfer" not in programs_here(told)
