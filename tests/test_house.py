"""The rules of the house that no linter knows."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from agent import config as agent_config
from coordinator import config as coordinator_config
from coordinator.cli import main as herd

ROOT = Path(__file__).parent.parent
PACKAGES = ("coordinator", "agent", "shared")
TOP_LEVEL = {
    *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore", ".ci"),
    *("coordinator", "agent", "shared", "tests", "scripts", "systemd"),
}
FILE_LINES = 300
FUNCTION_P90 = 40
DECIDING_ONLY = {
    "asyncio",
    "aiohttp",
    "time",
    "logging",
    "random",
    "os",
    "sqlite3",
    "secrets",
    "threading",
    "socket",
}
NOT_A_ROOM = {"utils", "common", "helpers", "manager", "service"}


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(paths: list[Path]) -> list[tuple[str, Function]]:
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
    ]


def nested(paths: list[Path]) -> set[str]:
    """Names, as above, of functions inside functions."""
    return {
        f"{path.relative_to(ROOT)}:{inner.lineno} {inner.name}"
        for path in paths
        for outer in ast.walk(ast.parse(path.read_text()))
        if isinstance(outer, Function)
        for inner in ast.walk(outer)
        if isinstance(inner, Function) and inner is not outer
    }


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_top_level_is_fixed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.partition("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL


def test_files_are_rooms_not_halls() -> None:
    lengths = {
        path.relative_to(ROOT): len(path.read_text().splitlines()) for path in sources(*PACKAGES, "tests")
    }
    assert {path: length for path, length in lengths.items() if length > FILE_LINES} == {}


def test_functions_are_small() -> None:
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for _, node in functions(sources(*PACKAGES))]
    assert statistics.median(lengths) <= 10
    assert statistics.quantiles(lengths, n=10)[-1] <= FUNCTION_P90


def test_no_file_is_a_cellar() -> None:
    assert not [path for path in sources(*PACKAGES) if NOT_A_ROOM & set(re.split(r"[/_.]", path.as_posix()))]


def test_no_module_makes_a_name_twice() -> None:
    """Linters see it of functions and classes, not of what is assigned."""
    twice = {}
    for path in sources(*PACKAGES):
        made = [name for node in ast.parse(path.read_text()).body for name in names_made(node)]
        if again := {name for name in made if made.count(name) > 1}:
            twice[str(path.relative_to(ROOT))] = again
    assert not twice


def names_made(node: ast.stmt) -> list[str]:
    """By one statement at the top of a module."""
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_the_core_decides_only() -> None:
    for path in sources("coordinator/core"):
        assert not imported(path) & DECIDING_ONLY, path
        assert not [name for name, node in functions([path]) if isinstance(node, ast.AsyncFunctionDef)], path


def test_workers_import_nothing_of_ours() -> None:
    for path in sources("agent/workers"):
        assert not imported(path) & set(PACKAGES), path


def test_public_functions_of_the_programs_say_what_they_promise() -> None:
    paths = sources(*PACKAGES)
    inside = nested(paths)
    silent = [
        name
        for name, node in functions(paths)
        if not node.name.startswith("_") and not ast.get_docstring(node) and name not in inside
    ]
    assert silent == []


@pytest.mark.parametrize("module", [coordinator_config, agent_config])
def test_readme_names_every_setting_with_its_default(module: object) -> None:
    readme = (ROOT / "README.md").read_text()
    prefix, kind = module.PREFIX, module.Settings  # type: ignore[attr-defined]
    rows = dict(re.findall(r"^\| `(FLEET_[A-Z_]+)` \| `?([^|`]*)`? \|", readme, re.MULTILINE))
    for field in msgspec.structs.fields(kind):
        name = prefix + field.name.upper()
        assert rows.get(name, "missing").strip() == shown(field.default), name


def shown(default: object) -> str:
    if default in ("", ()):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_readme_names_every_verb_and_flag() -> None:
    readme = (ROOT / "README.md").read_text()
    for program in ("coordinator", "agent"):
        told = subprocess.run(
            [sys.executable, "-m", program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for flag in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", told.stdout, re.MULTILINE):
            assert flag in readme, f"{program} {flag}"


def test_readme_names_every_verb() -> None:
    readme = (ROOT / "README.md").read_text()
    context = click.Context(herd)
    for verb in herd.list_commands(context):
        command = herd.get_command(context, verb)
        names = command.list_commands(context) if isinstance(command, click.Group) else []
        for words in [f"{verb} {name}" for name in names] or [verb]:
            assert f"herd {words}" in readme, words


def test_starting_a_command_line_imports_no_server() -> None:
    check = "import sys, coordinator.cli, agent.cli; sys.exit(bool({'aiohttp', 'rich', 'textual'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_dependencies_are_bounded_and_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "scripts" / "run.lock").read_text()
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=]", requirement)[0]
        assert "<" in requirement, f"{requirement} has no upper bound"
        assert re.search(rf"^{name}==\S+ .*\n\s+--hash=sha256:", locked, re.MULTILINE), (
            f"{name} is not locked"
        )
