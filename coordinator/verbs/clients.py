"""What each client is to be told so that it asks the fleet. Pure.

By the clients' own documentation, read in 2026: docs.openclaw.ai/providers/ollama, docs.continue.dev (Ollama),
aider.chat/docs/llms/ollama.html, Open WebUI's environment variables, langchain-ollama's ChatOllama, the openai and
ollama packages.
"""

import shlex
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from shared.sockets import is_loopback

MODEL = "llama3.2"
"""Where the fleet has none yet."""
KEY = "herd"
"""Where none is needed any will do; some clients insist on one."""
YOUR_KEY = "YOUR-KEY"
"""Stands where one is needed and none is known."""
MOST_LISTED = 50
"""Models that a configuration names."""

# Names of models come from other machines: in each text they are quoted as its language wants it.


class Fleet(NamedTuple):
    """What a configuration is made of. `models`: those that chat; `key`: empty where none is needed."""

    url: str
    model: str
    models: tuple[str, ...] = ()
    key: str = ""


class Setup(NamedTuple):
    """`text` goes into `file`, or where `hint` says."""

    text: str
    hint: str
    file: str = ""


def openclaw(fleet: Fleet) -> Setup:
    """Ollama's own API: by /v1 it would lose calls of tools."""
    models = [{"id": name, "name": name} for name in fleet.models[:MOST_LISTED] or (fleet.model,)]
    provider = {"baseUrl": fleet.url, "apiKey": fleet.key or KEY, "api": "ollama", "models": models}
    content = {
        "models": {"providers": {"ollama": provider}},
        "agents": {"defaults": {"model": {"primary": f"ollama/{fleet.model}"}}},
    }
    text = msgspec.json.format(msgspec.json.encode(content)).decode()
    return Setup(text, "merge it into the file, then: openclaw models list", "~/.openclaw/openclaw.json")


def open_webui(fleet: Fleet) -> Setup:
    """A container reaches this machine's loopback only on the host's own network."""
    network = "--network=host" if is_loopback(fleet.url) else "-p 3000:8080"
    lines = (
        f"docker run -d --name open-webui {network}",
        *_open_webui_address(fleet),
        "-v open-webui:/app/backend/data",
        "ghcr.io/open-webui/open-webui:main",
    )
    port = 8080 if is_loopback(fleet.url) else 3000
    hint = f"then open http://localhost:{port}; one that runs: Admin Settings, Connections, Ollama API"
    return Setup(" \\\n  ".join(lines), hint)


def _open_webui_address(fleet: Fleet) -> tuple[str, ...]:
    """Its connections to an Ollama take a key only in its own settings; those to an OpenAI in the environment."""
    if not fleet.key:
        return (f"-e OLLAMA_BASE_URL={fleet.url}",)
    address = f"-e OPENAI_API_BASE_URL={fleet.url}/v1"
    return ("-e ENABLE_OLLAMA_API=false", address, f"-e OPENAI_API_KEY={fleet.key}")


def continue_(fleet: Fleet) -> Setup:
    """The editor's extension."""
    quoted = _quoted(fleet.model)
    lines = (
        *("name: herd", "version: 0.0.1", "schema: v1", "models:", f"  - name: {quoted}"),
        *("    provider: ollama", f"    model: {quoted}", f"    apiBase: {fleet.url}"),
        *([f"    apiKey: {_quoted(fleet.key)}"] if fleet.key else []),
    )
    return Setup(
        "\n".join(lines), "the entry of models is what an existing file needs", "~/.continue/config.yaml"
    )


def aider(fleet: Fleet) -> Setup:
    """By way of its ollama_chat."""
    key = f"export OLLAMA_API_KEY={fleet.key}\n" if fleet.key else ""
    model = shlex.quote(f"ollama_chat/{fleet.model}")
    return Setup(f"export OLLAMA_API_BASE={fleet.url}\n{key}aider --model {model}", "in a shell")


def langchain(fleet: Fleet) -> Setup:
    """Its package for Ollama."""
    shown = f', client_kwargs={{"headers": {_shown(fleet.key)}}}' if fleet.key else ""
    text = (
        "from langchain_ollama import ChatOllama\n\n"
        f'llm = ChatOllama(model={_quoted(fleet.model)}, base_url="{fleet.url}"{shown})\n'
        'print(llm.invoke("Hello").content)'
    )
    return Setup(text, "needs: pip install langchain-ollama")


def openai(fleet: Fleet) -> Setup:
    """The Python package."""
    text = (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{fleet.url}/v1", api_key="{fleet.key or KEY}")\n'
        'messages = [{"role": "user", "content": "Hello"}]\n'
        f"answer = client.chat.completions.create(model={_quoted(fleet.model)}, messages=messages)\n"
        "print(answer.choices[0].message.content)"
    )
    return Setup(
        text, f"or in the environment: OPENAI_BASE_URL={fleet.url}/v1 OPENAI_API_KEY={fleet.key or KEY}"
    )


def ollama(fleet: Fleet) -> Setup:
    """The Python package; the command line by its environment."""
    shown = f", headers={_shown(fleet.key)}" if fleet.key else ""
    text = (
        "from ollama import Client\n\n"
        f'client = Client(host="{fleet.url}"{shown})\n'
        'messages = [{"role": "user", "content": "Hello"}]\n'
        f"print(client.chat(model={_quoted(fleet.model)}, messages=messages).message.content)"
    )
    hint = "the command line of ollama cannot send a key: herd run can, with FLEET_URL and FLEET_KEY"
    return Setup(
        text, hint if fleet.key else f"the command line: export OLLAMA_HOST={urlsplit(fleet.url).netloc}"
    )


CLIENTS: dict[str, Callable[[Fleet], Setup]] = {
    "openclaw": openclaw,
    "open-webui": open_webui,
    "continue": continue_,
    "aider": aider,
    "langchain": langchain,
    "openai": openai,
    "ollama": ollama,
}


def _shown(key: str) -> str:
    """For Python."""
    return f'{{"Authorization": "Bearer {key}"}}'


def _quoted(text: str) -> str:
    """For JSON, YAML and Python."""
    return msgspec.json.encode(text).decode()
