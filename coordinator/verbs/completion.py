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
    asking = kind(context.find_root().command, {}, "herd", "_HERD_COMPLETE")
    if shell == "bash":
        from coordinator.verbs.bash_completion import SCRIPT

        click.echo(SCRIPT % asking.source_vars())
        return
    click.echo(asking.source())


def nodes(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Node ids that begin so; none where no coordinator answers at once."""
    return _begin(typed, "/fleet/status", "nodes", "node_id")


def models(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Models that begin so; likewise."""
    return _begin(typed, "/api/tags", "models", "name")


def _begin(typed: str, path: str, part: str, field: str) -> list[str]:
    from coordinator.verbs.connection import ask, found
    from shared.printable import printable

    try:
        told: dict[str, Any] = ask("GET", path, url=found(listen=False), timeout_s=TIMEOUT_S)
        names = [each[field] for each in told[part]]
        return [name for name in names if name.startswith(typed) and name == printable(name)]
    except Exception:
        return []
