"""`herd completion`: what a shell needs to complete herd's verbs, options and names."""

from typing import Any

import click

SHELLS = ("bash", "zsh", "fish")
TIMEOUT_S = 1.0
"""A person who has pressed Tab waits."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, /, *, shell: str) -> None:
    """The script that makes SHELL complete verbs, options, nodes and models.

    \b
    eval "$(herd completion bash)"                                   in ~/.bashrc
    eval "$(herd completion zsh)"                                    in ~/.zshrc
    herd completion fish > ~/.config/fish/completions/herd.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of SHELLS
    program = context.find_root().command
    click.echo(kind(program, {}, "herd", "_HERD_COMPLETE").source())


def nodes(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Node ids that begin so; none where no coordinator answers at once."""
    return _begin(typed, "/fleet/status", "nodes", "node_id")


def models(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Models that begin so; likewise."""
    return _begin(typed, "/api/tags", "models", "name")


def _begin(typed: str, path: str, part: str, field: str) -> list[str]:
    from coordinator.verbs.connection import NoAnswer, ask, found

    try:
        told: dict[str, Any] = ask("GET", path, url=found(listen=False), timeout_s=TIMEOUT_S)
    except NoAnswer:
        return []
    return [each[field] for each in told[part] if each[field].startswith(typed)]
