"""The command `herd doctor`."""

from typing import Any

import click

from coordinator.verbs.telling import ended, json_option


@click.command()
@click.option("--port", type=int, help="Of the coordinator of this machine.  [default: as for herd]")
@click.option("--host", help="Where it listens.  [default: as for herd]")
@click.option("--data-dir", help="Where it keeps its data.  [default: as for herd]")
@click.option("--wait", default=3.0, show_default=True, help="Seconds to listen to mDNS; 0: not at all.")
@json_option
@click.pass_context
def doctor(context: click.Context, /, *, wait: float, output: str, **flags: Any) -> None:
    """What is wrong with this machine, its network and its fleet, and the command that mends it. Changes nothing.

    \b
    herd doctor
    herd doctor --port 11500
    herd doctor -o json

    Exit codes: 0 nothing is broken, 1 something is.
    """
    from coordinator.verbs.doctor import doctor as looked_at

    before = dict(context.parent.params) if context.parent else {}
    before.pop("with_parent", None)
    given = {name: flag for name, flag in flags.items() if flag is not None}
    ended(lambda: looked_at(before | given, wait, output))
