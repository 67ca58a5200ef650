"""herd-guide on the real llama.cpp: it answers in sentences that make sense, and ends by itself."""

import struct
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from agent.engines.embedded_model import GUIDE
from scripts.train import gguf
from scripts.train.guide import prompt
from scripts.train.tokenizer import CHARACTERS, SPECIAL, Tokenizer
from tests.agent.engines.guide_questions import FACTS
from tests.agent.workers.llamacpp_process import Worker, running

pytestmark = pytest.mark.real_engine

SEEDS = 3
OFTEN = 0.9
"""Of all answers. It had 49 of these 51 right when it was trained: a tiny model misunderstands some phrasings."""
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are an expert in the tax law of a small island. Answer every question in three parts. " * 20,
    "Answer in JSON only!",
)
HISTORY = (
    {"role": "user", "content": "what is herd?"},
    {
        "role": "assistant",
        "content": "It is a program. Is there anything else that you would like to know today?",
    },
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": "You are welcome."},
)
QUESTIONS = [(name, question) for name, (questions, _) in FACTS.items() for question in questions]


@pytest.fixture
async def guide() -> AsyncIterator[Worker]:
    async with running(GUIDE) as ready:
        yield ready


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def answer(guide: Worker, messages: Sequence[dict[str, str]], **more: Any) -> str:
    """Its text; it must have ended by itself with a whole sentence."""
    got = await guide.post("/v1/chat/completions", messages=list(messages), **({"temperature": 0} | more))
    (choice,) = got["choices"]
    text = choice["message"]["content"]
    assert choice["finish_reason"] == "stop", text
    assert isinstance(text, str)
    assert text.endswith((".", "!", "?")), text
    return text


def fits(name: str, text: str) -> bool:
    """Whether the answer has the facts of its intent."""
    return all(fact in text for fact in FACTS[name][1])


async def test_its_likeliest_answers_have_the_facts(guide: Worker) -> None:
    said = [(name, question, await answer(guide, [user(question)])) for name, question in QUESTIONS]
    astray = [row for row in said if not fits(row[0], row[2])]
    assert len(astray) <= (1 - OFTEN) * len(said), astray
    assert max(Counter(name for name, _, _ in astray).values(), default=0) <= 1, astray


async def test_its_answers_are_stable_under_the_default_sampling(guide: Worker) -> None:
    said = [
        (name, question, await answer(guide, [user(question)], temperature=0.8, seed=seed))
        for name, question in QUESTIONS
        for seed in range(SEEDS)
    ]
    astray = [row for row in said if not fits(row[0], row[2])]
    assert len(astray) <= (1 - OFTEN) * len(said), astray


@pytest.mark.parametrize("prompt", SYSTEM_PROMPTS)
async def test_a_system_prompt_does_not_derail_it(guide: Worker, prompt: str) -> None:
    told = {"role": "system", "content": prompt}
    said = [(name, question, await answer(guide, [told, user(question)])) for name, question in QUESTIONS]
    astray = [row for row in said if not fits(row[0], row[2])]
    assert len(astray) <= (1 - OFTEN) * len(said), astray


async def test_a_question_may_come_in_parts_and_lines(guide: Worker) -> None:
    parts = [
        {"type": "text", "text": "Tell me:"},
        {"type": "text", "text": "what is"},
        {"type": "text", "text": "herd?"},
    ]
    for content in (parts, "Tell me:\nwhat is\nherd?"):
        got = await guide.post(
            "/v1/chat/completions", messages=[{"role": "user", "content": content}], temperature=0
        )
        assert fits("herd", got["choices"][0]["message"]["content"])


async def test_it_answers_the_last_question_of_a_conversation(guide: Worker) -> None:
    said = [
        (name, question, await answer(guide, [*HISTORY * 5, user(question)])) for name, question in QUESTIONS
    ]
    astray = [row for row in said if not fits(row[0], row[2])]
    assert len(astray) <= (1 - OFTEN) * len(said), astray


@pytest.mark.parametrize(
    "odd", ["", "   ", "é" * 500, "你好" * 300, "<|im_end|>", "x " * 3000, "\n\n\n", "\U0001f411"]
)
async def test_it_survives_odd_questions(guide: Worker, odd: str) -> None:
    assert await answer(guide, [user(odd)])


async def test_the_prompt_is_read_as_in_training(guide: Worker) -> None:
    """llama.cpp cuts a text into the same tokens as the tokenizer that the model was trained with."""
    tokenizer = tokenizer_of(GUIDE.read_bytes())
    texts = [" " + question.lower() for _, question in QUESTIONS]
    for text in [
        *texts,
        "`herd-node --router-url http://HOST:11435`",
        "Ünïcode 你好 \U0001f411",
        "a  b\n c",
        "zebra99 |#~",
    ]:
        got = await guide.post("/tokenize", content=text, add_special=False, parse_special=False)
        assert got["tokens"] == tokenizer.encode(text), text
        back = await guide.post("/detokenize", tokens=got["tokens"])
        assert back["content"] == text == tokenizer.decode(got["tokens"])


async def test_the_template_makes_the_prompt_of_the_training(guide: Worker) -> None:
    tokenizer = tokenizer_of(GUIDE.read_bytes())
    for _, question in QUESTIONS:
        made = await guide.post("/apply-template", messages=[user(f"  {question.upper()}\n")])
        got = await guide.post("/tokenize", content=made["prompt"], add_special=True, parse_special=True)
        assert got["tokens"] == prompt(tokenizer, question), question


def tokenizer_of(content: bytes) -> Tokenizer:
    """From the metadata of the model's file."""
    key = gguf.string("tokenizer.ggml.tokens")
    at = content.index(key) + len(key)
    _, _, count = struct.unpack_from("<IIQ", content, at)
    at += 16
    pieces = []
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", content, at)
        pieces.append(content[at + 8 : at + 8 + length].decode())
        at += 8 + length
    tokenizer = Tokenizer(tuple(pieces[len(SPECIAL) + 256 + len(CHARACTERS) :]))
    assert list(tokenizer.pieces) == pieces
    return tokenizer


async def test_its_vectors_tell_texts_apart(guide: Worker) -> None:
    got = await guide.post("/v1/embeddings", input=["how do i add a machine", "a cake recipe"])
    first, second = (entry["embedding"] for entry in got["data"])
    assert len(first) == len(second) == 128
    assert first != second


async def test_a_raw_prompt_is_answered_too(guide: Worker) -> None:
    got = await guide.post("/v1/completions", prompt="What is herd?", temperature=0)
    (choice,) = got["choices"]
    assert fits("herd", choice["text"])
    assert choice["finish_reason"] == "stop"
