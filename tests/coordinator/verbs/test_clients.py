"""What clients are told: each in a form that its own kind of reader takes."""

import ast
import shlex

import msgspec
import pytest

from coordinator.verbs.clients import CLIENTS, Fleet
from coordinator.verbs.connect import NAMES

URL = "http://192.168.1.20:11435"
AWKWARD = "a\"b'; rm -rf $HOME"
"""A model's name, which another machine may choose."""


def test_every_client_that_can_be_asked_for_is_there() -> None:
    assert set(NAMES) == set(CLIENTS)


@pytest.mark.parametrize("name", NAMES)
def test_each_names_the_address_and_the_model(name: str) -> None:
    setup = CLIENTS[name](Fleet(URL, "qwen3:8b", ("qwen3:8b", "llama3.2")))
    assert URL in setup.text
    assert name == "open-webui" or "qwen3:8b" in setup.text
    assert setup.hint


@pytest.mark.parametrize("name", NAMES)
def test_each_says_where_a_key_goes(name: str) -> None:
    shown = "sk-herd-abcdefgh-x"
    assert shown in CLIENTS[name](Fleet(URL, "m", ("m",), shown)).text
    assert shown not in CLIENTS[name](Fleet(URL, "m", ("m",))).text


@pytest.mark.parametrize("name", ["langchain", "openai", "ollama"])
def test_python_is_python_with_a_key_too(name: str) -> None:
    ast.parse(CLIENTS[name](Fleet(URL, AWKWARD, key="sk-herd-abcdefgh-x")).text)


@pytest.mark.parametrize("name", ["langchain", "openai", "ollama"])
def test_python_is_python_whatever_the_model_is_called(name: str) -> None:
    tree = ast.parse(CLIENTS[name](Fleet(URL, AWKWARD)).text)
    assert AWKWARD in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_shells_and_json_likewise() -> None:
    assert f"ollama_chat/{AWKWARD}" in shlex.split(CLIENTS["aider"](Fleet(URL, AWKWARD)).text)
    told = msgspec.json.decode(CLIENTS["openclaw"](Fleet(URL, AWKWARD)).text)
    assert told["agents"]["defaults"]["model"]["primary"] == f"ollama/{AWKWARD}"
    assert told["models"]["providers"]["ollama"]["baseUrl"] == URL


def test_a_container_reaches_loopback_on_the_hosts_network_only() -> None:
    assert "--network=host" in CLIENTS["open-webui"](Fleet("http://127.0.0.1:11435", "m")).text
    assert "-p 3000:8080" in CLIENTS["open-webui"](Fleet(URL, "m")).text
