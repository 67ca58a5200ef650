"""The driver of the embedded engine, with a program in place of llama.cpp's server that answers what a test wants."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from agent.engines import llamacpp
from agent.engines.embedded_model import ModelFile
from agent.engines.engine import EngineError
from agent.engines.llamacpp import LlamaCpp
from scripts.train import gguf
from shared.wire import Engine

WORKER = """
import http.server, json, os, pathlib, sys, threading

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (pathlib.Path(__file__).parent / self.path.replace("/", "_")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
print(json.dumps({"address": "http://127.0.0.1:%d" % server.server_port, "pid": os.getpid()}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
"""
SENSE: dict[str, object] = {
    "/props": {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}},
    "/slots": [{"is_processing": True}, {}],
    "/v1/models": {
        "data": [{"id": "m", "meta": {"n_params": 8_030_000_000, "n_ctx_train": 8192, "size": 5}}]
    },
    "/tokenize": {"tokens": [1]},
}
DEEP = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def answers(directory: Path, path: str, body: bytes) -> None:
    """From now on this is what the program answers."""
    (directory / path.replace("/", "_")).write_bytes(body)


@asynccontextmanager
async def before(directory: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LlamaCpp]:
    """The driver, ready, before a program that makes sense."""
    worker, model = directory / "worker.py", directory / "m.gguf"
    worker.write_text(WORKER)
    model.write_bytes(gguf.file_bytes([], []))
    for path, value in SENSE.items():
        answers(directory, path, json.dumps(value).encode())
    monkeypatch.setattr(llamacpp, "WORKER", worker)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        driver = LlamaCpp(
            session,
            directory,
            ModelFile("m", model),
            slots=2,
            context_length=16,
            threads=1,
            start_timeout_s=20.0,
            look_timeout_s=10.0,
        )
        try:
            await driver.start()
            assert (await driver.look()).up
            yield driver
        finally:
            await driver.stop()


async def test_it_reads_the_model_and_its_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with before(tmp_path, monkeypatch) as driver:
        report = await driver.look()
    (model,), (replica,) = report.models, report.replicas
    assert (model.name, model.parameter_size, model.max_context, model.size_bytes) == ("m", "8.03B", 8192, 5)
    assert (replica.slots_total, replica.slots_busy, replica.context_length) == (2, 1, 4096)


@pytest.mark.parametrize("body", [DEEP, b"\xff\xfe", b"", b'"\xff"', b"[[]]"])
async def test_nonsense_is_a_report_and_no_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    async with before(tmp_path, monkeypatch) as driver:
        for path in ("/props", "/slots", "/v1/models"):
            answers(tmp_path, path, body)
            report = await driver.look()
            assert not report.up, path
            assert f"{path} answered nonsense" in report.reason
            answers(tmp_path, path, json.dumps(SENSE[path]).encode())


@pytest.mark.parametrize("body", [DEEP, b'{"tokens": "\xff"}', b"{}"])
async def test_tokens_that_make_no_sense_are_the_engines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    async with before(tmp_path, monkeypatch) as driver:
        answers(tmp_path, "/tokenize", body)
        with pytest.raises(EngineError, match=r"^/tokenize answered nonsense"):
            await driver.fitted("/v1/embeddings", b'{"truncate":true,"input":"' + b"long " * 20 + b'"}')


@pytest.mark.parametrize("number", [-1, 2**62, 10**400])
async def test_numbers_that_cannot_be_meant_fit_the_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async with before(tmp_path, monkeypatch) as driver:
        props = {"total_slots": number, "default_generation_settings": {"n_ctx": number}}
        answers(tmp_path, "/props", json.dumps(props).encode())
        meta = {"n_params": number, "n_ctx_train": number, "size": number}
        answers(tmp_path, "/v1/models", json.dumps({"data": [{"id": "m", "meta": meta}]}).encode())
        report = await driver.look()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Engine) == report
    if report.up:
        assert report.models[0].max_context is report.replicas[0].context_length is None
