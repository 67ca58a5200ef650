"""How each engine is started: its command line, the rungs of its ladder, its signal, its port."""

import signal
import socket
from pathlib import Path

import pytest

from agent.engines import glinthawk, krasis, ollama_start, transformers_serve, vllm
from agent.engines.kind import program_of, python_beside
from agent.engines.kinds import KINDS
from agent.engines.options import Started
from agent.engines.port import KeptPort, free_port, is_free
from agent.supervision.launch import Launch, Rung


def line(launch: Launch) -> str:
    return " ".join(launch.command)


def test_vllm_by_its_module_on_loopback_and_less_on_each_rung() -> None:
    options = vllm.Options(model="/m/qwen", slots=16, context=8192, gpu_memory=0.8, arguments=("--seed", "1"))
    lines = {rung: vllm.launch(options, ("py", "-m", "v"), 9, rung) for rung in vllm.CONTRACT.rungs}
    assert line(lines[Rung.AS_IT_WAS]) == (
        "py -m v --model /m/qwen --served-model-name qwen --host 127.0.0.1 --port 9 "
        "--max-num-seqs 16 --max-model-len 8192 --gpu-memory-utilization 0.8 --seed 1"
    )
    assert "--max-num-seqs 4 --max-model-len 8192" in line(lines[Rung.FEWER_SLOTS])
    assert "--max-num-seqs 4 --max-model-len 4096" in line(lines[Rung.SMALLER_CONTEXT])
    assert "--kv-cache-dtype fp8" in line(lines[Rung.QUANTISED_KV])
    assert lines[Rung.AS_IT_WAS].environment["VLLM_NO_USAGE_STATS"] == "1"
    assert lines[Rung.AS_IT_WAS].leftovers == vllm.CONTRACT.leftovers


def test_vllm_counts_the_calls_in_its_batch() -> None:
    text = b'# HELP vllm:num_requests_running x\nvllm:num_requests_running{engine="0"} 2.0\n'
    assert vllm.running((200, text + b'vllm:num_requests_running{engine="1"} 1.0\n')) == 3
    tokens = b'vllm:prompt_tokens_total{engine="0"} 12.0\nvllm:generation_tokens_total{engine="0"} 1.5e+06\n'
    assert vllm.moved((200, text + tokens)) == "12.0 1.5e+06"
    assert vllm.moved((503, tokens)) == ""
    assert vllm.running((200, b"nothing")) == vllm.running((404, text)) == 0


def test_a_model_that_vllm_has_not_is_said_in_the_words_of_the_fleet() -> None:
    body = b'{"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}}'
    status, said = vllm.true_fault(404, body)
    assert (status, b"model not found" in said) == (404, True)
    for same in ((404, b"x"), (404, b'{"detail": "Not Found"}'), (500, body)):
        assert vllm.true_fault(*same) == same


def test_krasis_never_listens_everywhere_and_heeds_sigint() -> None:
    launch = krasis.launch(krasis.Options(model="/m/moe", gpus=2), ("krasis",), 9, Rung.AS_IT_WAS)
    assert line(launch) == "krasis --model-path /m/moe --host 127.0.0.1 --port 9 --num-gpus 2"
    assert launch.polite_signal == signal.SIGINT
    smaller = krasis.launch(krasis.Options(model="/m/moe"), ("krasis",), 9, Rung.SMALLER_CONTEXT)
    assert "--kv-cache-mb 1000" in line(smaller)


def test_transformers_on_its_device_until_only_the_processor_is_left() -> None:
    options = transformers_serve.Options(model="/m/x", device="cuda", dtype="bfloat16")
    assert line(transformers_serve.launch(options, ("tf",), 9, Rung.AS_IT_WAS)) == (
        "tf serve /m/x --device cuda --dtype bfloat16 --host 127.0.0.1 --port 9"
    )
    assert "--device cpu" in line(transformers_serve.launch(options, ("tf",), 9, Rung.CPU))


def test_glinthawks_batch_is_smaller_on_its_one_rung() -> None:
    options = glinthawk.Options(model="/m/s", compiled="stories-110m", vocabulary="/m/v", slots=8)
    assert "--batch 8" in line(glinthawk.launch(options, ("infer",), 0, Rung.AS_IT_WAS))
    assert "--batch 2" in line(glinthawk.launch(options, ("infer",), 0, Rung.FEWER_SLOTS))


def test_an_ollama_is_told_by_its_environment() -> None:
    best = ollama_start.launch("/bin/ollama", 11434, Rung.AS_IT_WAS)
    assert (best.command, best.environment) == (("/bin/ollama", "serve"), {"OLLAMA_HOST": "127.0.0.1:11434"})
    humblest = ollama_start.launch("/bin/ollama", 11434, Rung.CPU).environment
    assert (humblest["OLLAMA_NUM_PARALLEL"], humblest["CUDA_VISIBLE_DEVICES"]) == ("1", "-1")


def test_a_program_is_the_owners_that_of_its_python_or_the_one_on_path() -> None:
    kind = KINDS["transformers"]
    there = {"transformers", "/v/bin/transformers", "/own/tf", "/w/bin/python"}

    def which(name: str) -> str | None:
        return name if name in there else None

    assert program_of(kind, Started(), which) == "transformers"
    assert program_of(kind, Started(program="/own/tf"), which) == "/own/tf"
    assert program_of(kind, Started(python="/v/bin/python"), which) == "/v/bin/transformers"
    assert program_of(kind, Started(python="/w/bin/python"), which) is None
    assert program_of(KINDS["vllm"], Started(python="/w/bin/python"), which) == "/w/bin/python"
    assert program_of(kind, Started(python="/gone/python"), which) is None


def test_the_python_beside_a_script(tmp_path: Path) -> None:
    script = tmp_path / "bin" / "vllm"
    assert python_beside(str(script)) == str(tmp_path.resolve() / "bin" / "python")


def test_a_port_is_kept_while_it_is_free_and_the_first_time_in_any_case(tmp_path: Path) -> None:
    file = tmp_path / "engines" / "x.port"
    port = KeptPort(file).get()
    assert KeptPort(file).get() == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not is_free(port)
        kept = KeptPort(file)
        assert kept.get() == port  # an engine of the agent before may be there
        moved = kept.get()
        assert moved != port
    assert KeptPort(file).get() == moved
    assert KeptPort(file, 4711).get() == 4711


@pytest.mark.parametrize("content", [b"", b"x", b"0", b"70000", b"\xff", b"9" * 400])
def test_nonsense_in_its_file_is_no_port(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.port"
    file.write_bytes(content)
    assert 0 < KeptPort(file).get() < 65_536
    assert is_free(free_port())
