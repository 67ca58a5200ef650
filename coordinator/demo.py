"""`herd demo`: a coordinator and agents as processes of their own, and one answer that came all the way."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from coordinator.interrupts import Interrupts, interruptible
from coordinator.view import nodes_table

READY_S = 60.0
"""For the coordinator and every node."""
ANSWER_S = 60.0
STOP_S = 8.0
QUESTION = "Hello! Who are you?"
ANSWER_TOKENS = 120
JOINED_BY = "coordinator/local-join"
"""The file by which the nodes join, beside their own data."""
SETTINGS = {
    "FLEET_NODE_MEASURE_MEMORY": "false",  # they would disturb each other
    "FLEET_NODE_TOKEN": "",
    "FLEET_NODE_OPEN": "false",
}
SMALL_MODEL = "herd-guide"
"""The one that comes with herd, for machines without an Ollama."""


class DemoFailed(Exception):
    """The text says what did not happen, and where to look."""


def run_demo(*, port: int, nodes: int, once: bool, data_dir: str) -> int:
    """Exit code: 0 only if an answer came through coordinator, gateway and engine."""
    console = Console(highlight=False, soft_wrap=True)
    directory = Path(data_dir).expanduser()
    answered = False
    with interruptible() as interrupts, contextlib.ExitStack() as stack:
        try:
            address = _start(_Children(stack, interrupts), console, directory, port, nodes)
            _answer(console, address)
            answered = True
            if once:
                return 0
            console.print(f"\nlook at it, in another terminal: {_itself()} top --url {address}", markup=False)
            console.print("ctrl-C stops everything.")
            _stay()
        except (DemoFailed, OSError, http.client.HTTPException) as error:
            console.print("[red]herd demo failed:[/]", end=" ")
            console.print(f"{error}\nlogs: {directory}/*/logs", markup=False)
            return 1
        except KeyboardInterrupt:
            if not answered:
                return 130
        console.print("stopping")
    return 0


def _itself() -> str:
    """As it was called, which need not be on the path."""
    return sys.argv[0] if Path(sys.argv[0]).name == "herd" else "herd"


class _Children(NamedTuple):
    """Processes that end with the demo."""

    stack: contextlib.ExitStack
    interrupts: Interrupts

    def start(
        self, directory: Path, module: str, *arguments: str, output: str = "out"
    ) -> subprocess.Popen[bytes]:
        """One more. An interrupt before it is known to the stack would leave it running."""
        with self.interrupts.held_back():
            return self.stack.enter_context(_child(directory, module, *arguments, output=output))


def _start(children: _Children, console: Console, directory: Path, port: int, nodes: int) -> str:
    console.print(f"starting a coordinator and {nodes} nodes; their data: {directory}")
    coordinator = children.start(
        directory / "coordinator", "coordinator", "--host", "127.0.0.1", "--port", str(port)
    )
    address = _address(coordinator, port, directory / "coordinator")
    agents = {}
    for number in range(1, nodes + 1):
        name = f"node-{number}"
        arguments = ("--router-url", address, "--node-id", name, "--gateway-port", "0")
        agents[name] = children.start(directory / "agents", "agent", *arguments, output=f"{name}.out")

    def ready() -> dict[str, Any] | None:
        for name, agent in agents.items():
            if agent.poll() is not None:
                raise DemoFailed(f"{name} ended: {_last_line(directory / 'agents' / f'{name}.out')}")
        return _all_ready(address, nodes)

    status = _until(ready, READY_S, lambda: _missing(address, nodes))
    console.print(nodes_table(status))
    return address


@contextlib.contextmanager
def _child(
    directory: Path, module: str, *arguments: str, output: str = "out"
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with this one, even if this one is killed: its standard input closes."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, "--with-parent", "--data-dir", str(directory), *arguments]
    with (directory / output).open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | SETTINGS | {"FLEET_NODE_LOCAL_JOIN": str(directory.parent / JOINED_BY)},
            start_new_session=os.name == "posix",  # ctrl-C is ours to pass on
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _address(process: subprocess.Popen[bytes], port: int, directory: Path) -> str:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    line = process.stdout.readline().decode()
    if " listening on " not in line:
        raise DemoFailed(f"the coordinator did not start on port {port}: {_last_line(directory / 'out')}")
    return line.rpartition(" ")[2].strip()


def _last_line(output: Path) -> str:
    said = output.read_text(errors="replace").strip().splitlines()
    return said[-1] if said else "it said nothing"


def _all_ready(address: str, nodes: int) -> dict[str, Any] | None:
    status = _get(f"{address}/fleet/status")
    ready = [node for node in status["nodes"] if node["state"] == "ready" and _has_engine(node)]
    return status if len(ready) >= nodes else None


def _has_engine(node: dict[str, Any]) -> bool:
    return any(engine["up"] and (engine.get("replicas") or engine["models"]) for engine in node["engines"])


def _missing(address: str, nodes: int) -> str:
    status = _get(f"{address}/fleet/status")
    reasons = [
        f"{node['node_id']} is {node['state']} {node['reason']}; "
        + ", ".join(f"{engine['name']}: {engine.get('reason') or 'up'}" for engine in node["engines"])
        for node in status["nodes"]
    ]
    return f"{nodes} nodes were not ready within {READY_S:.0f} s: {'; '.join(reasons) or 'none has joined'}"


def _answer(console: Console, address: str) -> None:
    model = _model(address)
    console.print(f"\nthe fleet's address: [bold]{address}[/]  (Ollama: {address}, OpenAI: {address}/v1)")
    body = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": ANSWER_TOKENS}
    shown = msgspec.json.encode(body).decode()
    console.print(f"\ncurl {address}/v1/chat/completions -d '{shown}'\n", markup=False)
    if model.split(":")[0] == SMALL_MODEL:
        console.print(
            "[dim]No Ollama here: this model of one megabyte comes with herd and knows little else.[/]"
        )
        console.print("[dim]For a real one, install Ollama on some node and: ollama pull llama3.2[/]")
    console.print(f"[bold]{QUESTION}[/]")
    request = urllib.request.Request(
        f"{address}/v1/chat/completions",
        data=msgspec.json.encode(body | {"stream": True}),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as response:
            text = "".join(_stream(console, response))
            node, engine = response.headers["X-Fleet-Node"], response.headers["X-Fleet-Engine"]
    except urllib.error.HTTPError as error:
        raise DemoFailed(
            f"the call was answered {error.code}: {error.read().decode(errors='replace')}"
        ) from error
    except OSError as error:
        raise DemoFailed(f"the call was not answered: {error}") from error
    if not text or not node or not engine:
        raise DemoFailed("the answer was empty")
    console.print(f"\n\nanswered by engine [bold]{engine}[/] on [bold]{node}[/], placed by the coordinator")


def _stream(console: Console, response: Any) -> Iterator[str]:
    """The answer's pieces, shown as they come. Raises DemoFailed where the stream ends in an error or too early."""
    for raw in response:
        data = raw.strip().removeprefix(b"data:").strip()
        if not raw.startswith(b"data:"):
            continue
        if data == b"[DONE]":
            return
        event = msgspec.json.decode(data)
        if "error" in event:
            raise DemoFailed(f"the stream broke: {event['error'].get('message')}")
        for choice in event.get("choices", []):
            if piece := choice["delta"].get("content"):
                console.print(piece, end="", markup=False)
                yield piece
    raise DemoFailed("the stream ended before it was complete")


def _model(address: str) -> str:
    """A loaded one that can chat, else any."""
    loaded = [row["name"] for row in _get(f"{address}/api/ps")["models"]]
    models = _get(f"{address}/api/tags")["models"]
    chatting = [row["name"] for row in models if "completion" in row.get("capabilities", [])]
    for name in [*(name for name in loaded if name in chatting), *chatting]:
        return str(name)
    raise DemoFailed("no node has a model that can chat; on a machine with Ollama: ollama pull llama3.2")


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as response:
        answer: dict[str, Any] = msgspec.json.decode(response.read())
        return answer


def _until(
    check: Callable[[], dict[str, Any] | None], seconds: float, why_not: Callable[[], str]
) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := check()) is not None:
            return found
        time.sleep(0.05)
    raise DemoFailed(why_not())


def _stay() -> None:
    while True:
        time.sleep(3600)
