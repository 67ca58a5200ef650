"""How conversations become tokens to learn, and that llama.cpp reads the file that training writes. No torch."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.train import guide
from scripts.train.corpus import Corpus, load
from scripts.train.tokenizer import END, START, TURN_END, TURN_START, Tokenizer, trained
from tests.agent.workers.llamacpp_process import running

SHAPE = guide.Shape(width=32, inner=64, layers=1, heads=1, context=256)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load()


@pytest.fixture(scope="module")
def tokenizer(corpus: Corpus) -> Tokenizer:
    return trained((intent.answer for intent in corpus.intents.values()), 600)


def samples(corpus: Corpus, tokenizer: Tokenizer, cut: float) -> list[guide.Sample]:
    return [guide.sample(corpus, tokenizer, random.Random(seed), cut) for seed in range(200)]


def test_what_is_learned_is_answers_and_their_ends(corpus: Corpus, tokenizer: Tokenizer) -> None:
    answers = {intent.answer for intent in corpus.intents.values()}
    for sample in samples(corpus, tokenizer, cut=0.0):
        assert len(sample.tokens) == len(sample.weights)
        learned = [token for token, weight in zip(sample.tokens, sample.weights, strict=True) if weight]
        text = tokenizer.decode(learned).replace(END, TURN_END).replace("\n", "")
        assert {said for said in text.split(TURN_END) if said} <= answers
        assert sample.tokens[-1] in {tokenizer.numbers[TURN_END], tokenizer.numbers[END]}


def test_a_cut_sample_ends_after_the_decisive_tokens(corpus: Corpus, tokenizer: Tokenizer) -> None:
    whole, short = (samples(corpus, tokenizer, cut) for cut in (0.0, 1.0))
    assert sum(len(sample.tokens) for sample in short) < 0.8 * sum(len(sample.tokens) for sample in whole)
    assert all(sample.weights[-1] == 1.0 for sample in short if sample.tokens[-1] != tokenizer.numbers[END])


def test_a_prompt_is_lower_case_and_ends_where_the_answer_begins(tokenizer: Tokenizer) -> None:
    told = tokenizer.decode(guide.prompt(tokenizer, "Who ARE you?"))
    assert told == f"{START}{TURN_START}user\n who are you?{TURN_END}{TURN_START}assistant\n"


@pytest.mark.real_engine
async def test_llamacpp_serves_a_file_with_these_names_and_lengths(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(guide.file_bytes(SHAPE, tokenizer, vectors(), matrices(len(tokenizer.pieces))))
    async with running(path) as worker:
        got = await worker.post("/v1/completions", prompt="Hello", max_tokens=3)
        assert got["usage"]["prompt_tokens"] == 1 + len(tokenizer.encode("Hello"))
        (row,) = (await worker.get("/v1/models"))["data"]
        assert (row["meta"]["n_vocab"], row["meta"]["n_ctx_train"]) == (len(tokenizer.pieces), SHAPE.context)


def vectors() -> dict[str, Sequence[float]]:
    return {name: [1.0] * SHAPE.width for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")}


def matrices(vocabulary: int) -> dict[str, Sequence[Sequence[float]]]:
    source = random.Random(0)

    def rows(count: int, length: int) -> list[list[float]]:
        return [[source.gauss(0, 0.1) for _ in range(length)] for _ in range(count)]

    width, inner = SHAPE.width, SHAPE.inner
    square = {f"blk.0.attn_{part}": rows(width, width) for part in ("q", "k", "v", "output")}
    gates = {f"blk.0.ffn_{part}": rows(inner, width) for part in ("gate", "up")}
    return {"token_embd": rows(vocabulary, width), "blk.0.ffn_down": rows(width, inner), **square, **gates}
