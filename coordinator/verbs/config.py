"""`herd config show`: the settings with which `herd` would serve here."""

from typing import Any

import click

from coordinator.verbs.columns import Table
from coordinator.verbs.lazy import LazyGroup
from coordinator.verbs.telling import ended, rendered, say


@click.group(cls=LazyGroup)
def config() -> None:
    """The coordinator's settings.

    \b
    herd config show
    herd config show --origin
    """


@config.command()
@click.argument("name", required=False, default="")
@click.option("--origin", is_flag=True, help="Where each value comes from.")
@click.option("--no-headers", is_flag=True, help="No headings over the table.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How it is told."
)
@click.pass_context
def show(context: click.Context, /, *, name: str, origin: bool, no_headers: bool, output: str) -> None:
    """The settings with which herd would serve on this machine, or the one called NAME. It asks nobody.

    \b
    herd config show --origin
    herd config show FLEET_PORT
    herd --port 11500 config show --origin
    herd config show -o json

    Exit codes: 0 told, 2 a value does not fit its setting, 3 no such setting.
    """
    ended(lambda: _show(name, output, _flags(context), origin=origin, headings=not no_headers))


def _flags(context: click.Context) -> dict[str, Any]:
    """Those before the verb, with which herd would serve."""
    given = dict(context.find_root().params)
    given.pop("with_parent", None)
    return given if context.find_root() is not context else {}


def _show(name: str, output: str, flags: dict[str, Any], *, origin: bool, headings: bool) -> None:
    from coordinator.config import PREFIX, Settings
    from coordinator.verbs.connection import NOT_FOUND, USAGE, NoAnswer
    from shared.names import near
    from shared.settings import SettingsError, resolve

    try:
        resolved = resolve(Settings, PREFIX, flags, other_prefixes=("FLEET_NODE_",))
    except SettingsError as error:
        raise NoAnswer(str(error), code=USAGE) from error
    for warning in resolved.warnings:
        say(f"herd: {warning}", err=True)
    known = {PREFIX + field.upper(): field for field in resolved.origins}
    wanted = name.upper() if name.upper().startswith(PREFIX) or not name else PREFIX + name.upper()
    if name and wanted not in known:
        close = near(wanted, known)
        raise NoAnswer(
            f"no setting is called {name}{f'; did you mean {close[0]}?' if close else ''}", code=NOT_FOUND
        )
    rows = [
        (setting, getattr(resolved.values, field), resolved.origins[field])
        for setting, field in sorted(known.items())
        if not name or setting == wanted
    ]
    if output != "table":
        click.echo(
            rendered({setting: {"value": value, "origin": source} for setting, value, source in rows}, output)
        )
        return
    columns = ("NAME", "VALUE", "ORIGIN")[: 2 + origin]
    cells = [(setting, setting_text(value), source)[: 2 + origin] for setting, value, source in rows]
    click.echo("\n".join(Table(columns, cells).lines(headings=headings)))


def setting_text(value: Any) -> str:
    """As it is written in an environment."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
