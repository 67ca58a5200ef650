"""Every command that README offers, typed by a shell on a live fleet of fakes; what nobody knows here is a failure."""

import contextlib
import json
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest

from agent.cli import main as herd_node
from coordinator.cli import main as herd_itself
from tests.fakes.control import FakeEngine
from tests.fleet.asking import ask
from tests.fleet.harness import Herd, herd, node
from tests.fleet.looking import traced
from tests.fleet.readme import Printed, Shell, commands, mentioned

MODEL = "llama3.2"
LAPTOP, WORKSTATION = "laptop", "workstation"
SMALL = "--fleet home --calls 10"
"""Said last, so that it wins: the same flags, of a fleet that is soon simulated."""

NOT_HERE = {
    "scripts/run": "makes .venv from a registry; what it then runs is tests/fleet/test_demo.py's",
    "scripts/test": "this is it",
    "uv tool install '.[embedded]'": "fetches packages; tests/test_wheel.py makes what is installed",
    "herd key create --name open-webui": "changes who may call: tests/fleet/test_keys.py",
    "herd key create --name night-shift --priority batch --rpm 600 --tpm 500000 --parallel 4": "likewise",
    "herd key create --name guest --model 'qwen3*' --expires 30d": "likewise",
    "herd key list": "likewise",
    "herd key revoke guest": "likewise",
    "herd approve laptop": "needs a machine that asks to join: tests/fleet/test_joining.py",
    "herd-node --token herd1-...": "likewise, a coordinator's own token",
    "herd service install": "changes the machine; with --user and a systemctl that starts nothing: test_service.py",
    "herd service status": "likewise",
    "herd service uninstall": "likewise",
}
"""Lines of README that are not run on a machine of tests, each with its reason."""


def prints(*patterns: str) -> Callable[[Printed], None]:
    """Ends with 0; on standard output there is each of these."""

    def check(printed: Printed) -> None:
        assert printed.code == 0
        for pattern in patterns:
            assert re.search(pattern, printed.out, re.MULTILINE), pattern

    return check


def finds(pattern: str) -> Callable[[Printed], None]:
    """doctor: the machine of a test may have faults of its own."""

    def check(printed: Printed) -> None:
        assert printed.code in (0, 1)
        assert re.search(pattern, printed.out, re.MULTILINE), pattern

    return check


def chats(printed: Printed) -> None:
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert lines[-1]["done"]
    assert all("error" not in line for line in lines)


def pins(**by_node: list[str]) -> Callable[[Printed], None]:
    """These models are pinned then."""

    def check(printed: Printed) -> None:
        answer = json.loads(printed.out)
        assert "error" not in answer, answer
        assert answer["per_node"] == by_node

    return check


KNOWN: dict[str, Callable[[Printed], None]] = {
    "herd list": prints("^NAME .*DRIFT$", rf"^{MODEL}:latest "),
    'herd run herd-guide "How do I add a machine?"': prints("says hello"),
    "herd top": prints("^herd ", "nodes 2/2", f"^{LAPTOP} +. ready"),
    "herd nodes": prints(f"^{LAPTOP} +ready", f"^{WORKSTATION} +ready"),
    "herd connect openai": prints("OpenAI\\(base_url=", f'model="({MODEL}|herd-guide):latest"'),
    "herd connect open-webui": prints("^docker run", "OLLAMA_BASE_URL=http"),
    "curl http://workstation:11435/api/chat": chats,
    "herd ps": prints("^NAME .*NODE", rf"^{MODEL}:latest .*{LAPTOP}"),
    f"herd pull {MODEL} --all": prints(MODEL),
    f"herd run {MODEL}": prints("says hello"),
    f"herd describe node {LAPTOP}": prints(f"^{LAPTOP}  online", "^engines:"),
    f"herd drain {LAPTOP}": prints("drained"),
    f"herd uncordon {LAPTOP}": prints(LAPTOP),
    "herd get requests --last 5": prints("^ID .*RETRIES$", "completed +200"),
    "herd logs -n 20": prints(r"INFO +node laptop is ready"),
    "herd stats": prints("^NODE ", "^fleet "),
    "herd doctor": finds("The coordinator runs at http"),
    "herd-node doctor": finds("A coordinator answers at http"),
    "curl -s -X POST http://localhost:11435/fleet/pin": pins(laptop=[f"{MODEL}:latest"]),
    "curl -s -X DELETE http://localhost:11435/fleet/pin": pins(),
    "curl -s http://localhost:11435/fleet/pin": pins(),
    "herd simulate --fleet eight --sweep": prints("^predictive "),
    "herd simulate --fleet hundred --workload agents": prints("^predictive "),
    "herd simulate --fleet my.toml": prints('"policies"|"loads"|^{'),
    "herd simulate --fleet eight --sweep --seeds 5 --json --plot eight.svg > eight.json": prints(""),
    "herd simulate --from eight.json": prints("^predictive "),
    "sqlite3 ~/.fleet-manager/latency.db": prints(rf"\|{MODEL}:latest\|\d+\|\d+"),
}
"""How a line begins that is run, and what it leaves; the longest beginning counts."""

SERVING = {"herd": "listening on http", "herd-node": "gateway on port"}
"""Lines that run until ctrl-C, and what they say."""


def known(line: str) -> str:
    """How a line that is run begins in KNOWN; empty: it is not there."""
    found = [each for each in KNOWN if line == each or line.startswith(f"{each} ")]
    return max(found, key=len, default="")


def test_each_command_is_known() -> None:
    lines = commands()
    strange = [line for line in lines if not (line in NOT_HERE or line in SERVING or known(line))]
    assert not strange, "README offers what no test runs: a line of KNOWN, or of NOT_HERE with a reason"
    told = {known(line) or line for line in lines}
    assert set(KNOWN) | set(NOT_HERE) | set(SERVING) == told, "what README does not offer any more"


@contextlib.asynccontextmanager
async def household(directory: Path) -> AsyncIterator[tuple[Herd, Shell]]:
    """A coordinator and two machines, and a person at the first one, whose settings lead there."""
    models = [f"{MODEL}:latest", "herd-guide:latest"]
    async with contextlib.AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(herd(directory))
        fakes = {}
        for name in (LAPTOP, WORKSTATION):
            fakes[name] = await stack.enter_async_context(
                FakeEngine.run(models, loaded=models[: name == LAPTOP], slots=4, name=name)
            )
            await stack.enter_async_context(
                node(directory, coordinator.address, name, ollama=fakes[name].address, slots=4)
            )
        await coordinator.ready(LAPTOP, WORKSTATION)
        (directory / ".fleet-manager").symlink_to(directory / "herd")
        settings = {
            **{"FLEET_URL": coordinator.address, "FLEET_HOST": "127.0.0.1", "FLEET_MDNS": "false"},
            **{"FLEET_PORT": str(urlsplit(coordinator.address).port), "FLEET_CONFIG_FILE": "/dev/null"},
            **{"FLEET_NODE_ROUTER_URL": coordinator.address, "FLEET_NODE_MDNS": "false"},
            **{"FLEET_NODE_NODE_ID": LAPTOP, "FLEET_NODE_OLLAMA_HOST": fakes[LAPTOP].address},
            **{"FLEET_NODE_DATA_DIR": str(directory / LAPTOP), "FLEET_NODE_MEASURE_MEMORY": "false"},
        }
        yield coordinator, Shell(directory, settings)


def as_typed(line: str, address: str) -> str:
    """The line with this fleet's address, and a simulation made small."""
    line = re.sub(r"http://(localhost|workstation):11435", address, line)
    if line.startswith("herd simulate") and "--from" not in line:
        command, redirected, file = line.partition(" > ")
        small = SMALL if "--workload A" not in line else "--calls 10"
        return f"{command} {small} {'--seeds 2' * ('--seeds' in line)}{redirected}{file}"
    return line


def can_be_run(line: str) -> bool:
    """sqlite3, curl and matplotlib are not on every machine; .ci/run has the first two."""
    if "eight.svg" in line or "eight.json" in line:
        return find_spec("matplotlib") is not None
    return shutil.which(shlex.split(line)[0]) is not None or line.startswith("herd")


@pytest.mark.timeout(240)
async def test_each_command_does_what_readme_says(tmp_path: Path) -> None:
    async with household(tmp_path) as (fleet, shell):
        (tmp_path / "my.toml").write_text(FLEET_FILE)
        (tmp_path / "AzureLLMInferenceTrace_conv.csv").write_text(TRACE_FILE)
        for _ in range(3):
            await ask(fleet, model=MODEL)
        await traced(tmp_path, 3)
        wrong = {}
        for line in dict.fromkeys(commands()):
            if (name := known(line)) and can_be_run(line):
                printed = await shell.run(as_typed(line, fleet.address), stdin="Hello\n")
                try:
                    KNOWN[name](printed)
                except (AssertionError, ValueError, KeyError, TypeError) as error:
                    wrong[line] = (error, printed)
        assert not wrong, "\n".join(map(str, wrong.items()))


async def test_each_program_starts_without_a_flag(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, herd(tmp_path) as coordinator:
        settings = {
            **{"FLEET_HOST": "127.0.0.1", "FLEET_PORT": "0", "FLEET_CONFIG_FILE": "/dev/null"},
            **{"FLEET_NODE_ROUTER_URL": coordinator.address, "FLEET_NODE_GATEWAY_PORT": "0"},
            **{"FLEET_NODE_OLLAMA_HOST": fake.address, "FLEET_NODE_MEASURE_MEMORY": "false"},
        }
        shell = Shell(tmp_path, settings)
        for line, phrase in SERVING.items():
            assert await shell.serves(line, phrase), line


@pytest.mark.parametrize("line", sorted(mentioned()))
def test_what_the_text_mentions_is_a_command_with_such_options(line: str) -> None:
    """Not run; each verb has tests of its own."""
    program, *words = re.sub(r"\[[^]]*\]", "", line).replace("...", "").split()
    command: click.Command = herd_itself if program == "herd" else herd_node
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        verbs = words.pop(0).split("|")
        found = [command.get_command(click.Context(command), verb) for verb in verbs]
        assert all(found), line
        assert found[0] is not None
        command = found[0]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, line


FLEET_FILE = """
about = "one machine"
[[machine]]
name = "one"
memory_gb = 64
bandwidth_gbps = 100

[[model]]
name = "m"
size_gb = 4
"""
TRACE_FILE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:15:{second:02d}.0000000,{100 + second},{20 + second}\n" for second in range(12)
)
