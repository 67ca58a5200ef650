"""An Ollama call in OpenAI's words, for an engine that has no others."""

from typing import Any

import msgspec
import pytest

from coordinator.dialects.translation import ollama_request
from coordinator.dialects.translation.ollama_request import generate
from shared.errors import CallerFault

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
    "required": ["b"],
}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
PNG, JPEG, GIF, WEBP = "iVBORw0KGgoAAAAN", "/9j/4AAQSkZJRgAB", "R0lGODlhAQABAIAA", "UklGRiQAAABXRUJQ"


def chat(body: dict[str, Any], model: str) -> dict[str, Any]:
    path, request = ollama_request.chat(body, model)
    assert path == "/v1/chat/completions"
    return request


def embed(body: dict[str, Any], model: str, field: str) -> dict[str, Any]:
    make = ollama_request.embed if field == "input" else ollama_request.embeddings
    path, request = make(body, model)
    assert path == "/v1/embeddings"
    return request


def _chat(**fields: Any) -> dict[str, Any]:
    return chat({"model": "m:latest", "messages": HELLO, "stream": False} | fields, "engine-m")


def test_a_plain_chat() -> None:
    assert _chat() == {"model": "engine-m", "stream": False, "messages": HELLO}
    streamed = chat({"model": "m", "messages": HELLO}, "m")
    assert streamed == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": HELLO,
    }
    assert chat({"model": "m", "messages": HELLO, "stream": None}, "m")["stream"] is True


def test_options_move_up_and_get_openais_names() -> None:
    options = {
        "num_predict": 7,
        "num_keep": 2,
        "seed": 3,
        "temperature": 0.5,
        "stop": ["x"],
        "top_k": 4,
        "new": [1],
    }
    request = _chat(options=options)
    assert {name: request[name] for name in request if name not in ("model", "stream", "messages")} == {
        **{"max_tokens": 7, "n_keep": 2, "seed": 3, "temperature": 0.5, "stop": ["x"], "top_k": 4, "new": [1]}
    }


def test_options_of_loading_are_left_out() -> None:
    assert _chat(options={"num_ctx": 100, "num_gpu": 1, "use_mmap": True, "num_thread": 4}) == _chat()
    assert _chat(options={}) == _chat(options=None) == _chat()


@pytest.mark.parametrize("name", ["model", "stream", "stream_options", "messages", "n"])
def test_options_cannot_change_what_is_asked(name: str) -> None:
    """`stream` inside options would have the engine answer in a form that nobody expects."""
    for value in ("changed", False, 0):
        with pytest.raises(CallerFault, match=f"options.{name}"):
            _chat(options={name: value})


def test_two_fields_that_say_different_things_are_refused() -> None:
    with pytest.raises(CallerFault, match="max_tokens"):
        _chat(options={"num_predict": 5}, max_tokens=6)
    assert _chat(options={"num_predict": 5}, max_tokens=5)["max_tokens"] == 5


def test_unknown_fields_pass_under_their_own_names() -> None:
    request = _chat(logprobs=True, top_logprobs=3, truncate=False, future={"x": [1.5]}, tools=TOOLS)
    assert request["tools"] == TOOLS
    assert (request["logprobs"], request["top_logprobs"], request["future"]) == (True, 3, {"x": [1.5]})
    assert "keep_alive" not in _chat(keep_alive="5m", fallback_models=["x"])
    assert "fallback_models" not in _chat(keep_alive="5m", fallback_models=["x"])


def test_a_content_of_null_is_as_if_left_out() -> None:
    """Some clients send it beside tool calls; llama.cpp refuses it. What is wrong is left to be refused there."""
    call = {"function": {"name": "f", "arguments": {}}}
    for left_out in ({}, {"content": None}):
        messages = [*HELLO, {"role": "assistant", "tool_calls": [call]} | left_out]
        assert _chat(messages=messages)["messages"][1]["content"] == ""
    odd: list[Any] = [0, False, [], {}]
    for wrong in odd:
        made = _chat(messages=[{"role": "user", "content": wrong}])["messages"]
        assert repr(made[0]["content"]) == repr(wrong)


def test_formats() -> None:
    assert _chat(format="json")["response_format"] == {"type": "json_object"}
    asked = _chat(format=SCHEMA)["response_format"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["schema"] == SCHEMA
    assert list(asked["json_schema"]["schema"]["properties"]) == ["b", "a"]
    assert "response_format" not in _chat(format="")
    assert "response_format" not in _chat(format=None)
    for wrong in ("yaml", 7, ["json"], True):
        with pytest.raises(CallerFault, match="format"):
            _chat(format=wrong)


def test_thinking() -> None:
    assert _chat(think=True)["chat_template_kwargs"] == {"enable_thinking": True}
    assert _chat(think=False)["chat_template_kwargs"] == {"enable_thinking": False}
    assert _chat(think="high")["reasoning_effort"] == "high"
    assert _chat(think=None) == _chat()
    message = {"role": "assistant", "content": "so", "thinking": "hm"}
    assert _chat(messages=[message])["messages"] == [
        {"role": "assistant", "content": "so", "reasoning_content": "hm"}
    ]


@pytest.mark.parametrize(
    ("image", "kind"), [(PNG, "png"), (JPEG, "jpeg"), (GIF, "gif"), (WEBP, "webp"), ("AAAAAAAA", "png")]
)
def test_images(image: str, kind: str) -> None:
    message = {"role": "user", "content": "what?", "images": [image]}
    assert _chat(messages=[message])["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{image}"}},
            ],
        }
    ]


@pytest.mark.parametrize("image", ["!!!!", "ü" * 16, 7, None, {"url": "x"}])
def test_images_that_are_none(image: Any) -> None:
    with pytest.raises(CallerFault, match="images"):
        _chat(messages=[{"role": "user", "content": "what?", "images": [image]}])


def test_a_turn_of_tools() -> None:
    def called(name: str, **arguments: Any) -> dict[str, Any]:
        return {"function": {"name": name, "arguments": arguments}}

    messages = [
        *HELLO,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [called("weather", town="x", n=1.5), called("time"), called("weather")],
        },
        {"role": "tool", "tool_name": "time", "content": "noon"},
        {"role": "tool", "tool_name": "weather", "content": "rain"},
        {"role": "tool", "content": "sun"},
        {"role": "tool", "content": "more than was asked"},
    ]
    made = _chat(messages=messages)["messages"]
    calls = made[1]["tool_calls"]
    ids = [call["id"] for call in calls]
    assert len(set(ids)) == 3
    assert [call["type"] for call in calls] == ["function"] * 3
    assert msgspec.json.decode(calls[0]["function"]["arguments"]) == {"town": "x", "n": 1.5}
    assert calls[1]["function"] == {"name": "time", "arguments": "{}"}
    answered = [message["tool_call_id"] for message in made[2:]]
    assert answered == [ids[1], ids[0], ids[2], "call_unknown"]
    assert [message["content"] for message in made[2:4]] == ["noon", "rain"]
    assert all("tool_name" not in message for message in made)


def test_two_turns_of_tools_have_ids_of_their_own() -> None:
    turn = [
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "tool_name": "f", "content": "1"},
    ]
    made = _chat(messages=turn + turn)["messages"]
    assert made[0]["tool_calls"][0]["id"] == made[1]["tool_call_id"]
    assert made[2]["tool_calls"][0]["id"] == made[3]["tool_call_id"]
    assert made[1]["tool_call_id"] != made[3]["tool_call_id"]


def test_ids_that_the_caller_gave_are_kept() -> None:
    call = {"id": "mine", "function": {"name": "f", "arguments": {}}}
    messages = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "mine", "content": "1"},
    ]
    made = _chat(messages=messages)["messages"]
    assert made[0]["tool_calls"][0]["id"] == made[1]["tool_call_id"] == "mine"


@pytest.mark.parametrize(
    "calls",
    [
        5,
        True,
        "f",
        {"a": 1},
        [1],
        [{}],
        [{"function": "f"}],
        [{"function": {}}],
        [{"function": {"name": "f", "arguments": "{}"}}],
        [{"function": {"name": "f", "arguments": [1]}}],
    ],
)
def test_tool_calls_that_are_none(calls: Any) -> None:
    with pytest.raises(CallerFault, match="tool_calls"):
        _chat(messages=[{"role": "assistant", "tool_calls": calls}])


def test_generate_becomes_a_chat() -> None:
    path, request = generate(
        {"model": "m", "prompt": "why?", "system": "brief", "stream": False, "new": 1}, "m"
    )
    assert path == "/v1/chat/completions"
    assert request == {
        "model": "m",
        "stream": False,
        "new": 1,
        "messages": [{"role": "system", "content": "brief"}, {"role": "user", "content": "why?"}],
    }
    _, request = generate({"model": "m", "prompt": "what?", "images": [PNG], "format": "json"}, "m")
    assert request["messages"][0]["content"][1]["image_url"]["url"].endswith(PNG)
    assert request["response_format"] == {"type": "json_object"}
    assert "images" not in request


def test_a_raw_generate_is_a_completion() -> None:
    path, request = generate(
        {"model": "m", "prompt": "why?", "raw": True, "stream": False, "options": {"num_predict": 3}}, "m"
    )
    assert (path, request) == (
        "/v1/completions",
        {"model": "m", "stream": False, "max_tokens": 3, "prompt": "why?"},
    )


@pytest.mark.parametrize("fields", [{"system": "be brief"}, {"images": [PNG]}])
def test_a_raw_generate_loses_nothing_in_silence(fields: dict[str, Any]) -> None:
    """A completion has no place for them: said, as Ollama says it, not dropped."""
    with pytest.raises(CallerFault, match="raw"):
        generate({"model": "m", "prompt": "why?", "raw": True} | fields, "m")


@pytest.mark.parametrize(
    ("name", "value"), [("template", "{{ .Prompt }}"), ("context", [1, 2]), ("suffix", "return")]
)
def test_generate_says_what_it_cannot_do(name: str, value: Any) -> None:
    with pytest.raises(CallerFault, match=name):
        generate({"model": "m", "prompt": "x", name: value}, "m")
    _, request = generate({"model": "m", "prompt": "x", name: type(value)()}, "m")
    assert name not in request


def test_embeddings() -> None:
    body = {"model": "m", "input": ["a", "b"], "truncate": False, "keep_alive": 0}
    assert embed(body, "engine-m", "input") == {
        "model": "engine-m",
        "input": ["a", "b"],
        "encoding_format": "float",
        "truncate": False,
    }
    assert embed({"model": "m", "prompt": "a"}, "m", "prompt")["input"] == "a"


def test_nothing_given_is_changed() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x", "images": [PNG]}],
        "options": {"seed": 1},
    }
    before = msgspec.json.encode(body)
    chat(body, "m")
    assert msgspec.json.encode(body) == before


def test_a_context_of_unknown_length() -> None:
    """Too long a num_ctx is then the engine's to refuse; the whole of it cannot be named."""
    assert "num_ctx" not in _chat(options={"num_ctx": 10**6})
    with pytest.raises(CallerFault, match="repeat_last_n"):
        _chat(options={"repeat_last_n": -1})
