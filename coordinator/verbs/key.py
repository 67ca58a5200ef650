"""The commands `herd key create|list|revoke`."""

from collections.abc import Callable
from typing import Any

import click

from coordinator.verbs.lazy import LazyGroup
from coordinator.verbs.telling import Name, ended, json_option

SCOPES = ("infer", "read", "operate", "admin")
CLASSES = ("interactive", "batch", "background")

_data_dir: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--data-dir", metavar="D", help="The coordinator's.  [default: FLEET_DATA_DIR, ~/.fleet-manager]"
)
_limit = click.IntRange(min=1, max=1_000_000_000)


@click.group(cls=LazyGroup)
def key() -> None:
    """Keys with which callers on other machines use the fleet. On the coordinator's machine; it need not run.

    \b
    herd key create --name open-webui
    herd key list
    herd key revoke open-webui
    """


@key.command()
@click.option("--name", type=Name(), required=True, help="Whose it is: letters, digits, and . _ - @")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=("infer",),
    show_default=True,
    help="What it may do; repeat it for more, none holds another.",
)
@click.option(
    "--model", "models", type=Name(), multiple=True, help="That it may ask for, or a pattern; repeatable."
)
@click.option("--rpm", type=_limit, help="Calls a minute.")
@click.option("--tpm", type=_limit, help="Tokens a minute, of prompts and answers.")
@click.option("--parallel", type=_limit, help="Calls at once.")
@click.option("--priority", type=click.Choice(CLASSES), help="The highest class of its calls.")
@click.option("--expires", metavar="TIME", help="When it ends: 30d, 12h.  [default: never]")
@_data_dir
@json_option
def create(*, expires: str | None, output: str, data_dir: str | None, **wishes: Any) -> None:
    """Make a key. It is printed once and kept nowhere: only its hash is, in keys.json of the data directory.

    \b
    herd key create --name open-webui
    herd key create --name night-shift --priority batch --rpm 600 --tpm 500000 --parallel 4
    herd key create --name guest --model 'qwen3*' --model llama3.2 --expires 30d
    herd key create --name prometheus --scope read

    Exit codes: 0 made, 1 the file cannot be used, 2 wrong usage, or a key has that name.
    """

    def work() -> None:
        from coordinator.verbs.key_orders import create as made

        made(wishes, expires, data_dir, output)

    ended(work)


@key.command("list")
@click.option("--no-headers", is_flag=True, help="No headings over the table.")
@click.option("-q", "--quiet", is_flag=True, help="Names only, a line each.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="How it is told.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@_data_dir
def list_keys(*, no_headers: bool, quiet: bool, output: str, as_json: bool, data_dir: str | None) -> None:
    """The keys that there are: what each may do, and when it was used last. Never a key itself.

    \b
    herd key list
    herd key list -o json
    """

    def work() -> None:
        from coordinator.verbs.key_orders import tell

        tell(data_dir, "json" if as_json else output, headings=not no_headers, quiet=quiet)

    ended(work)


@key.command()
@click.argument("name", type=Name(), metavar="ID|NAME")
@_data_dir
@json_option
def revoke(*, name: str, data_dir: str | None, output: str) -> None:
    """End a key, by its id or its name. A coordinator that runs refuses it within a second.

    \b
    herd key revoke open-webui

    Exit codes: 0 revoked, 1 the file cannot be used, 2 wrong usage, 3 no such key.
    """

    def work() -> None:
        from coordinator.verbs.key_orders import revoke as ended_key

        ended_key(name, data_dir, output)

    ended(work)
