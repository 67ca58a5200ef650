"""An engine that speaks the caller's dialect gets the caller's bytes, and the caller gets the engine's."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.control import FakeEngine
from tests.fleet.comparing import asked, last_call, same_as_direct
from tests.fleet.harness import Herd, fleet_of_fakes

MODELS = ["m", "other:1b", "big:latest", "hf.co/some/one:Q4_K_M"]
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = (
    '{"type":"function","function":{"name":"weather","parameters":'
    '{"type":"object","properties":{"town":{"type":"string"}}}}}'
)
ODD = r"""  {  "model" :"m",
    "zebra": {"y":[1.0e0,-0,-0.0,1E+2,123456789012345678901234567890,0.1000],"x":null, "a\/b":"\u0041\ud83d\ude00é"},
    "options":{"seed":1.0E0,"temperature":0.70,"stop":["\u000a\t"],"num_predict":3 , "mirostat_tau": 5.0e-1},
    "keep_alive" : "5m", %s }
"""
CHAT = '"messages":[{"role":"user","content":"a\\u0062\\/c"}]'

OLLAMA_FIELDS = {
    "/api/chat": [
        CHAT,
        f'{CHAT},"tools":[{TOOL}]',
        f'{CHAT},"think":true',
        f'{CHAT},"think":"high"',
        f'{CHAT},"format":"json"',
        f'{CHAT},"format":{{"type":"object","properties":{{"b":{{"type":"integer"}},"a":{{"type":"string"}}}}}}',
        f'{CHAT},"logprobs":true,"top_logprobs":2',
        '"messages":[{"role":"user","content":"what is it?","images":["' + PICTURE + '"]}]',
        '"messages":[{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"function":{"name":"weather",'
        '"arguments":{"town":"x","n":1.0}}}]},{"role":"tool","tool_name":"weather","content":"rain"}]',
        '"messages":[]',
    ],
    "/api/generate": [
        '"prompt":"why?"',
        '"prompt":"why?","raw":true',
        '"prompt":"why?","system":"be brief","template":"{{ .Prompt }}","context":[1,2,3.0]',
        '"prompt":"def f(","suffix":"return"',
        '"prompt":"what is it?","images":["' + PICTURE + '"]',
        '"prompt":"why?","think":false,"format":"json"',
        '"prompt":""',
    ],
    "/api/embed": [
        '"input":"a text"',
        '"input":["one","two"],"truncate":false,"dimensions":4',
    ],
    "/api/embeddings": ['"prompt":"a text"'],
}
OPENAI_FIELDS = {
    "/v1/chat/completions": [
        CHAT,
        f'{CHAT},"tools":[{TOOL}],"tool_choice":"auto","parallel_tool_calls":false',
        f'{CHAT},"response_format":{{"type":"json_object"}}',
        f'{CHAT},"response_format":{{"type":"json_schema","json_schema":{{"name":"s","strict":true,"schema":'
        '{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"string"}}}}}',
        f'{CHAT},"logprobs":true,"top_logprobs":2,"n":1,"seed":7.0e0',
        f'{CHAT},"stream_options":{{"include_usage":true,"extra":1.50}}',
        f'{CHAT},"reasoning_effort":"low","max_completion_tokens":3',
        '"messages":[{"role":"user","content":[{"type":"text","text":"it?"},{"type":"image_url","image_url":'
        '{"url":"data:image/png;base64,' + PICTURE + '"}}]}]',
    ],
    "/v1/completions": [
        '"prompt":"why?"',
        '"prompt":["why?"],"echo":true,"max_tokens":2',
        '"prompt":[1,2,3]',
    ],
    "/v1/embeddings": ['"input":"a text"', '"input":["a","b"],"encoding_format":"base64","dimensions":4'],
}
REFUSED_BY_THE_ENGINE = [
    ("/api/chat", '"messages":[{"role":"user","content":"a"}],"options":{"temperature":1E400}'),
    ("/api/embed", '"input":7'),
    ("/v1/chat/completions", '"messages":[{"role":"user","content":"a"}],"response_format":"json"'),
    ("/v1/embeddings", '"input":{"no":"list"}'),
]


def _bodies() -> Iterator[tuple[str, bytes]]:
    for path, variants in (OLLAMA_FIELDS | OPENAI_FIELDS).items():
        for fields in variants:
            for stream in ("", ',"stream":false', ',"stream":true', ',"stream": null'):
                yield path, (_odd(path) % (fields + stream)).encode()


def _odd(path: str) -> str:
    """Without what OpenAI's dialect on an Ollama would drop: such calls go another way."""
    if path in OLLAMA_FIELDS:
        return ODD
    return ODD.replace('"options"', '"options2"').replace('"keep_alive"', '"keep_alive2"')


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    able = ["completion", "tools", "thinking", "embedding", "vision", "insert"]
    async with FakeEngine.run(MODELS, loaded=MODELS, slots=4, capabilities=able) as running:
        yield running


@pytest.fixture
async def herd(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Herd]:
    async with fleet_of_fakes(tmp_path, [fake], settle_time=0) as running:
        yield running


async def test_every_route_passes_bytes_both_ways(herd: Herd, fake: FakeEngine) -> None:
    count = 0
    for path, body in _bodies():
        through = await same_as_direct(herd, fake, path, body)
        assert through.status == 200, (path, body, through.body)
        assert through.headers["x-fleet-node"] == "node-1"
        count += 1
    assert count > 100


async def test_what_the_engine_refuses_comes_back_as_the_engine_said_it(herd: Herd, fake: FakeEngine) -> None:
    for path, fields in REFUSED_BY_THE_ENGINE:
        for stream in ("false", "true"):
            body = f'{{"model":"m",{fields},"stream":{stream}}}'.encode()
            through = await same_as_direct(herd, fake, path, body)
            assert (through.status, through.headers["x-fleet-node"]) == (400, "node-1")
    for status in (400, 401, 403, 404, 405, 409, 413, 418, 422, 499):
        await fake.switch(fail_status=status)
        for path in ("/api/chat", "/v1/chat/completions"):
            for stream in ("false", "true"):
                body = f'{{"model":"m",{CHAT},"stream":{stream}}}'.encode()
                assert (await same_as_direct(herd, fake, path, body)).status == status
    assert await herd.in_flight() == 0


@pytest.mark.parametrize(
    "content",
    [b'"caf\xe9"', b'"half an emoji: \\ud83d"', b'"the other half: \\ude00"'],
    ids=["bad UTF-8", "a high surrogate alone", "a low surrogate alone"],
)
async def test_text_that_only_an_engine_can_judge_reaches_it(
    herd: Herd, fake: FakeEngine, content: bytes
) -> None:
    """Clients that cut texts send such halves, and Ollama takes them."""
    for path in ("/api/chat", "/v1/chat/completions"):
        body = b'{"model":"m","messages":[{"role":"user","content":%b}]}' % content
        await asked(herd, path, body)
        assert (await last_call(fake, path)).body == body


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_a_fallback_changes_the_model_and_nothing_else(
    herd: Herd, fake: FakeEngine, stream: str
) -> None:
    for path, variants in (OLLAMA_FIELDS | OPENAI_FIELDS).items():
        for fields in variants:
            rest = (_odd(path) % f'{fields},"stream":{stream}').replace('"model" :"m",', "").strip()[1:]
            names = '"fallback_models" : ["gone", "other:1b"],'
            through = await asked(herd, path, f'{{"model":"nobody",{names}{rest}'.encode())
            assert through.status == 200, through.body
            assert (through.headers["x-fleet-fallback"], through.headers["x-fleet-served-model"]) == (
                "true",
                "other:1b",
            )
            sent = (await last_call(fake, path)).body
            assert _squeezed(sent) == _squeezed(f'{{"model":"other:1b",{rest}'.encode()), path
            asked_for = f'{{"model":"m:latest",{names}{rest}'.encode()
            through = await asked(herd, path, asked_for)
            assert through.headers["x-fleet-fallback"] == "false"
            sent = (await last_call(fake, path)).body
            assert _squeezed(sent) == _squeezed(f'{{"model":"m:latest",{rest}'.encode()), path


@pytest.mark.parametrize("name", ["fallback", "fallback_models"])
async def test_a_null_in_a_field_of_ours_is_none_and_stays_here(
    herd: Herd, fake: FakeEngine, name: str
) -> None:
    for path, variants in (OLLAMA_FIELDS | OPENAI_FIELDS).items():
        rest = f'{variants[0]},"stream":false}}'
        null = f'"{name}" : null,'
        through = await asked(herd, path, f'{{"model":"m",{null}{rest}'.encode())
        assert (through.status, through.headers["x-fleet-fallback"]) == (200, "false"), through.body
        sent = (await last_call(fake, path)).body
        assert _squeezed(sent) == _squeezed(f'{{"model":"m",{rest}'.encode()), path
        nobody = await asked(herd, path, f'{{"model":"nobody",{null}{rest}'.encode())
        assert nobody.status == 404, "no other model was allowed"


def _squeezed(body: bytes) -> bytes:
    """Without white space outside strings, of which these bodies have none inside."""
    return b"".join(body.replace(b"why?", b"why").split())


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_headers_to_the_engine_and_back(herd: Herd, fake: FakeEngine, path: str) -> None:
    sent = {
        "Authorization": "Bearer sk-of-the-caller",
        "Cookie": "session=of-the-caller",
        "X-Api-Key": "key-of-the-caller",
        "Proxy-Authorization": "Basic b2YtdGhlLWNhbGxlcg==",
        "X-Fleet-Node": "node-of-the-caller",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "rojo=00f067aa0ba902b7",
        "X-Request-Id": "my-id.7",
    }
    for stream in ("false", "true"):
        body = f'{{"model":"m",{CHAT},"stream":{stream}}}'.encode()
        through = await asked(herd, path, body, headers=sent)
        told = {name: through.headers[name] for name in through.headers if name.startswith("x-fleet-")}
        assert float(told.pop("x-fleet-score")) >= 0
        assert "thermal=50.0; memory_fit=20.0; " in told.pop("x-fleet-score-breakdown")
        assert told == {
            "x-fleet-node": "node-1",
            "x-fleet-engine": "ollama",
            "x-fleet-retries": "0",
            "x-fleet-fallback": "false",
            "x-fleet-served-model": "m",
        }
        assert through.headers["x-request-id"] == "my-id.7"
        call = await last_call(fake, path)
        for name in ("traceparent", "tracestate", "X-Request-Id"):
            assert call.header(name) == sent[name]
        for name in ("Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization", "X-Fleet-Node"):
            assert call.header(name) is None, name
        assert "of-the-caller" not in str(call.headers)
        assert [name.lower() for name, _ in call.headers].count("content-length") == 1


async def test_names_with_and_without_latest(herd: Herd, fake: FakeEngine) -> None:
    for path, fields in (("/api/generate", '"prompt":"x"'), ("/v1/completions", '"prompt":"x"')):
        for name, served in (
            ("m:latest", "m"),
            ("big", "big:latest"),
            ("big:latest", "big:latest"),
            ("hf.co/some/one:Q4_K_M", "hf.co/some/one:Q4_K_M"),
        ):
            body = f'{{"model":"{name}",{fields},"stream":false}}'.encode()
            through = await same_as_direct(herd, fake, path, body)
            assert (through.status, through.headers["x-fleet-served-model"]) == (200, served)
            assert through.json()["model"] == name


async def test_an_unknown_model_is_told_with_near_names(herd: Herd, fake: FakeEngine) -> None:
    await fake.reset()
    for name, near in (
        ("other", "other:1b"),
        ("bigg", "big:latest"),
        ("hf.co/some/one", "hf.co/some/one:Q4_K_M"),
    ):
        for path in (*OLLAMA_FIELDS, *OPENAI_FIELDS):
            through = await asked(herd, path, f'{{"model":"{name}"}}'.encode())
            error = through.json()["error"]
            text = error if path.startswith("/api/") else error["message"]
            assert through.status == 404
            assert text.startswith(f'model "{name}" not found, try pulling it first')
            assert near in text
            if path.startswith("/v1/"):
                assert (error["code"], error["type"]) == ("model_not_found", "invalid_request_error")
            assert "x-fleet-node" not in through.headers
    assert (await fake.state()).started == 0
