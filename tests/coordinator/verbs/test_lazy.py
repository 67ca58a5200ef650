"""The command line: what is imported when, what mistyped verbs are told, what shells complete."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from coordinator.cli import VERBS, main

ALIASES = {"ls": "list"}
ROOT = Path(__file__).parents[3]


def every_command() -> list[tuple[str, ...]]:
    """Verbs, and what is under them."""
    context = click.Context(main)
    found: list[tuple[str, ...]] = []
    for verb in main.list_commands(context):
        command = main.get_command(context, verb)
        found.append((verb,))
        if isinstance(command, click.Group):
            found += [(verb, name) for name in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_leads_with_examples(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(main, [*words, "-h"])
    assert told.exit_code == 0
    before_options = told.output.partition("Options:")[0]
    names = {ALIASES.get(word, word) for word in words}
    assert any(f"herd {name}" in before_options for name in names)


def test_every_verb_is_there_under_its_name() -> None:
    context = click.Context(main)
    for name in VERBS:
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == ALIASES.get(name, name)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [(["pss"], "Did you mean ps"), (["get", "node"], "Did you mean nodes"), (["xyzzy"], "'xyzzy'.")],
)
def test_a_mistyped_verb_is_told_the_near_one(typed: list[str], hint: str) -> None:
    told = CliRunner().invoke(main, typed)
    assert told.exit_code == 2
    assert hint in told.output


def test_a_verb_imports_nothing_of_the_others() -> None:
    heavy = {
        "aiohttp",
        "rich",
        "textual",
        "zeroconf",
        "psutil",
        "asyncio",
        "coordinator.app",
        "coordinator.core",
    }
    check = (
        "import sys; from coordinator.cli import main\n"
        "try: main(['ps', '--url', 'http://127.0.0.1:9'])\n"
        f"except SystemExit: sys.exit(bool({heavy!r} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script(shell: str) -> None:
    told = CliRunner().invoke(main, ["completion", shell])
    assert told.exit_code == 0, told.output
    assert "_HERD_COMPLETE" in told.output


def test_tab_completes_verbs() -> None:
    asked = {"_HERD_COMPLETE": "bash_complete", "COMP_WORDS": "herd un", "COMP_CWORD": "1"}
    code = "from coordinator.cli import main; main(prog_name='herd')"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.splitlines() == ["plain,uncordon"]
