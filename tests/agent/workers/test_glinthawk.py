"""Glinthawk's worker before a double of `infer`: batches, filled ones, max_tokens, streams, faults."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from agent.engines import glinthawk
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from agent.supervision.launch import Rung
from tests.fakes.doubles.running import PROGRAMS, Door, Double, behind_gateway, engine_session

WORDS = [b"<s>", b"a", b"b", b"ab", b" "]


def installed(directory: Path) -> tuple[Path, Path]:
    """The program and the vocabulary."""
    program = directory / "infer-fp32"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {PROGRAMS / "infer.py"} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    vocabulary = directory / "words"
    vocabulary.write_bytes(b"".join(len(word).to_bytes(4, "little") + word for word in WORDS))
    return program, vocabulary


@asynccontextmanager
async def door(directory: Path, compiled: str = "stories-110m") -> AsyncIterator[Door]:
    program, vocabulary = installed(directory)
    options = glinthawk.Options(
        model="/m/stories", compiled=compiled, vocabulary=str(vocabulary), slots=3, gather=0.2, context=64
    )
    command = glinthawk.launch(options, (str(program),), 0, Rung.AS_IT_WAS).command
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        async with asyncio.timeout(20):
            ready = msgspec.json.decode(await process.stdout.readline(), type=Double)
        async with engine_session() as session:
            engine = OpenAIServer(
                "glinthawk",
                glinthawk.CONTRACT,
                Adopted(ready.address),
                lambda ask: glinthawk.read(options, ask),
                session,
                2.0,
                mending=glinthawk.MENDING,
            )
            report = await engine.look()
            assert (report.up, report.restricted, report.models[0].name) == (True, "batch", "stories")
            async with behind_gateway(engine, session) as opened:
                yield opened
    finally:
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0
            await process.stdout.read()


async def test_calls_are_batched_and_each_is_cut_where_it_wants(tmp_path: Path) -> None:
    async with door(tmp_path) as opened:
        asked = [{"model": "stories", "prompt": "ab a b", "max_tokens": most} for most in (2, 3, 99, 1)]
        answers = await asyncio.gather(*(opened.ask("/v1/completions", each) for each in asked))
    told = [json.loads(body)["choices"][0] for _, _, body in answers]
    assert [each["text"] for each in told] == ["b ", "b a", "b a abb a ab", "b"]
    assert [each["finish_reason"] for each in told] == ["length", "length", "stop", "length"]


async def test_a_stream_is_the_whole_answer_in_its_shape(tmp_path: Path) -> None:
    async with door(tmp_path) as opened:
        asked = {"model": "stories", "prompt": [1, 2], "stream": True}
        status, kind, body = await opened.ask("/v1/completions", asked)
    assert (status, kind) == (200, "text/event-stream")
    first, end, done = [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event]
    assert (json.loads(first)["choices"][0]["text"], done) == ("baba", "[DONE]")
    assert json.loads(end)["choices"][0]["finish_reason"] == "stop"


async def test_what_cannot_be_asked_is_refused_in_words(tmp_path: Path) -> None:
    async with door(tmp_path) as opened:
        for prompt in ("zzz", "", None, [1] * 64):
            status, _, body = await opened.ask("/v1/completions", {"model": "stories", "prompt": prompt})
            assert status == 400, body


async def test_an_infer_that_fails_is_an_error_and_the_worker_goes_on(tmp_path: Path) -> None:
    async with door(tmp_path, "broken") as opened:
        for _ in range(2):
            status, _, body = await opened.ask("/v1/completions", {"model": "stories", "prompt": "a"})
            assert (status, b"it ended with status 134" in body) == (500, True)


def test_a_damaged_vocabulary_is_said(tmp_path: Path) -> None:
    program, vocabulary = installed(tmp_path)
    vocabulary.write_bytes(b"\xff\xff\xff\xff")
    options = glinthawk.Options(model="/m/stories", compiled="x", vocabulary=str(vocabulary))
    command = glinthawk.launch(options, (str(program),), 0, Rung.AS_IT_WAS).command
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert ended.returncode == 1
    assert "glinthawk worker: the vocabulary is damaged" in ended.stderr
