"""Cases for what is inside Ollama's `options`: what llama.cpp is asked."""

from typing import Any

from tests.coordinator.dialects.translation.cases import Case, refused, said, same, unsaid


def _no_numbers(name: str) -> list[Case]:
    return [refused({name: odd}, rf"^options\.{name}: expected a number") for odd in (True, False, "7", [7])]


def _numbers(name: str, *values: Any) -> list[Case]:
    return [*same(name, *values), *_no_numbers(name)]


OPTIONS: dict[str, list[Case]] = {
    "num_predict": [
        said({"num_predict": 7}, {"max_tokens": 7}),
        said({"num_predict": -1}, {"max_tokens": -1}),
        said({"num_predict": -2}, {"max_tokens": -1}),
        said({"num_predict": 0}, {"max_tokens": -1}),
        *_no_numbers("num_predict"),
    ],
    "num_keep": [said({"num_keep": 2}, {"n_keep": 2}), *_no_numbers("num_keep")],
    "seed": _numbers("seed", 0, 7),
    "temperature": _numbers("temperature", 0, 0.5),
    "top_k": _numbers("top_k", 1),
    "top_p": _numbers("top_p", 0.25),
    "min_p": _numbers("min_p", 0.125),
    "typical_p": _numbers("typical_p", 0.5),
    "stop": same("stop", ["a", "b"]),
    "repeat_last_n": [
        *same("repeat_last_n", 0, 8),
        said({"repeat_last_n": -1}, {"repeat_last_n": 4096}),
        *_no_numbers("repeat_last_n"),
    ],
    "repeat_penalty": _numbers("repeat_penalty", 1.5),
    "presence_penalty": _numbers("presence_penalty", 0.5),
    "frequency_penalty": _numbers("frequency_penalty", 0.5),
    "mirostat": _numbers("mirostat", 0, 2),
    "mirostat_tau": _numbers("mirostat_tau", 4.0),
    "mirostat_eta": _numbers("mirostat_eta", 0.25),
    "num_ctx": [
        unsaid({"num_ctx": 64}),
        refused({"num_ctx": 4097}, r"^options\.num_ctx: 4097 .* 4096"),
        *_no_numbers("num_ctx"),
    ],
    **{
        name: [unsaid({name: value})]
        for name, value in {
            **{"num_batch": 8, "num_gpu": 0, "main_gpu": 0, "num_thread": 2, "draft_num_predict": 4},
            **{"use_mmap": True, "use_mlock": False, "numa": False, "low_vram": True, "f16_kv": True},
            **{"logits_all": False, "vocab_only": False, "embedding_only": False},
        }.items()
    },
    "tfs_z": [unsaid({"tfs_z": 1.0}), refused({"tfs_z": 0.5}, r"^options\.tfs_z: ")],
    "penalize_newline": [
        unsaid({"penalize_newline": True}),
        refused({"penalize_newline": False}, r"^options\.penalize_newline: "),
    ],
    "model": [refused({"model": "x"}, r"^options\.model: ")],
    "prompt": [refused({"prompt": "x"}, r"^options\.prompt: ")],
    "messages": [refused({"messages": []}, r"^options\.messages: ")],
    "stream": [refused({"stream": False}, r"^options\.stream: ")],
    "n": [refused({"n": 2}, r"^options\.n: ")],
    "n_cmpl": [refused({"n_cmpl": 2}, r"^options\.n_cmpl: ")],
    "stream_options": [refused({"stream_options": {}}, r"^options\.stream_options: ")],
    "return_progress": [refused({"return_progress": True}, r"^options\.return_progress: ")],
}
