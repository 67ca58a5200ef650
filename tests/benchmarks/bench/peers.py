"""ollama-herd and LiteLLM, in a Python of their own, measured in the same run. Only with `--peers`.

ollama-herd gets its beats from here, as its agent would open a door to the network; its mDNS, which cannot be turned
off, advertises a type of our own. Neither may tell its makers anything.
"""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from tests.benchmarks.bench.asking import ask, told
from tests.benchmarks.bench.messages import MODEL
from tests.benchmarks.bench.processes import NotReady, Program, started, until
from tests.benchmarks.bench.subjects import Missing, Place, Subject

PACKAGES = {"ollama-herd": "ollama-herd==0.11.4", "litellm": "litellm[proxy]>=1.106,<2"}
INSTALL_S = 900.0
START_S = 120.0
BEAT_S = 5.0
LITELLM = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {engine}/v1
      api_key: none
litellm_settings:
  telemetry: false
"""


def home() -> Path:
    """Where their Python is kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "herd" / "peers"


def install(tell: Callable[[str], None]) -> dict[str, str]:
    """Makes that Python, once. Why a package cannot be had, by its name."""
    python = home() / "bin" / "python"
    if not python.is_file():
        tell(f"making {home()}")
        if why := _failure([sys.executable, "-m", "venv", str(home())]):
            return dict.fromkeys(PACKAGES, f"no Python can be made in {home()}: {why}")
    refused = {}
    for name, package in PACKAGES.items():
        if (home() / "bin" / _program(name)).exists():
            continue
        tell(f"installing {package}")
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", package]
        if why := _failure(command):
            refused[name] = f"cannot be installed: {why}"
    return refused


def _failure(command: list[str]) -> str:
    """Why it ended badly, in its own last words; empty: it did not."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=INSTALL_S, text=True)
    except (subprocess.SubprocessError, OSError) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return "; ".join((done.stderr or done.stdout).strip().splitlines()[-1:]) or f"exit code {done.returncode}"


def _program(name: str) -> str:
    return "herd" if name == "ollama-herd" else name


def makers(refused: dict[str, str]) -> dict[str, Callable[[Place], AbstractContextManager[Subject]]]:
    """Subjects by name, of what is installed."""
    made: dict[str, Callable[[Place], AbstractContextManager[Subject]]] = {}
    if "ollama-herd" not in refused:
        made["ollama-herd"] = partial(ollama_herd, name="ollama-herd", level="DEBUG")
        made["ollama-herd-quiet"] = partial(ollama_herd, name="ollama-herd-quiet", level="ERROR")
    if "litellm" not in refused:
        made["litellm"] = litellm
    return made


def free_port() -> int:
    """One that nobody had a moment ago: these programs do not tell which one they got."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@contextmanager
def ollama_herd(place: Place, *, name: str, level: str) -> Iterator[Subject]:
    """Its coordinator, with the fake engine as its one node. `level`: of its log file. Raises Missing."""
    directory = place.directory / name
    directory.mkdir()
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [str(home() / "bin" / "herd"), "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "HOME": str(directory),
        "FLEET_DATA_DIR": str(directory / "data"),
        "FLEET_TELEMETRY": "false",
        "FLEET_LOG_LEVEL": level,
        "FLEET_MDNS_SERVICE_TYPE": "_herd-bench._tcp.local.",
    }
    if level == "ERROR":
        command += ["--log-level", "ERROR"]
        environment["FLEET_CONSOLE_LOG_LEVEL"] = "ERROR"
    with (
        _silent(place, name, command, directory, environment) as program,
        _reachable(program, url, "/fleet/status", name),
        _beating(url, place.engine_url),
    ):
        yield Subject(name=name, url=url, programs=(program, place.engine), own=name)


@contextmanager
def litellm(place: Place) -> Iterator[Subject]:
    """Its proxy with one worker, in OpenAI's dialect. Raises Missing."""
    directory = place.directory / "litellm"
    directory.mkdir()
    settings = directory / "config.yaml"
    settings.write_text(LITELLM.format(model=MODEL, engine=place.engine_url))
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [str(home() / "bin" / "litellm"), "--config", str(settings), "--host", "127.0.0.1"]
    command += ["--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    key = f"sk-{secrets.token_hex(16)}"
    environment = {"HOME": str(directory), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": key}
    with (
        _silent(place, "litellm", command, directory, environment) as program,
        _reachable(program, url, "/health/liveliness", "litellm"),
    ):
        yield Subject(
            name="litellm",
            url=url,
            programs=(program, place.engine),
            own="litellm",
            headers=(f"Authorization: Bearer {key}",),
            dialect="openai",
        )


def _silent(
    place: Place, name: str, command: list[str], directory: Path, environment: dict[str, str]
) -> AbstractContextManager[Program]:
    """One that says nothing to us."""
    log, chosen = directory / "log", place.cores.measured
    return started(name, command, log, chosen, environment=environment, talks=False)


@contextmanager
def _reachable(program: Program, url: str, path: str, name: str) -> Iterator[None]:
    def answered() -> bool:
        program.check()
        return ask(url, path)[0] == 200

    try:
        until(answered, name, START_S)
    except NotReady as error:
        raise Missing(f"does not start: {error}") from error
    yield


def _beat(engine_url: str) -> bytes:
    """In the shape of its agent's."""
    gib = 256.0
    loaded = {"name": MODEL, "size_gb": 2.0, "context_length": 4096, "requests_active": 0}
    return msgspec.json.encode(
        {
            "node_id": "bench",
            "arch": "x86_64",
            "timestamp": time.time(),
            "cpu": {"cores_physical": 8, "utilization_pct": 5.0},
            "memory": {"total_gb": gib, "used_gb": 8.0, "available_gb": gib - 8.0, "pressure": "normal"},
            "disk": {"total_gb": 1000.0, "used_gb": 100.0, "available_gb": 900.0},
            "ollama": {
                "models_loaded": [loaded],
                "models_available": [MODEL],
                "models_available_sizes": {MODEL: 2.0},
                "requests_active": 0,
                "num_parallel": 64,
            },
            "ollama_host": engine_url,
            "lan_ip": "127.0.0.1",
            "agent_version": "0.11.4",
        }
    )


@contextmanager
def _beating(url: str, engine_url: str) -> Iterator[None]:
    """Sends it beats until the block ends. Raises Missing where it takes none."""
    over = threading.Event()

    def send() -> bool:
        kind = {"Content-Type": "application/json"}
        return ask(url, "/heartbeat", "POST", _beat(engine_url), kind)[0] == 200

    def go_on() -> None:
        while not over.wait(BEAT_S):
            send()

    if not send():
        raise Missing("takes no beat of this shape")
    until(lambda: MODEL in str(told(url, "/api/tags")), "a model of ollama-herd")
    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
