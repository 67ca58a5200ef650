"""`herd get nodes|models|requests` and `herd nodes`."""

from typing import Any

import click

from coordinator.verbs import completion
from coordinator.verbs.lazy import LazyGroup
from coordinator.verbs.telling import Telling, View, reads

MOST_ENDED = 1_000


@click.group(cls=LazyGroup)
def get() -> None:
    """What there is, a line each.

    \b
    herd get nodes -o wide
    herd get models llama3.2
    herd get requests -w
    """


@click.command()
@click.argument("name", required=False, default="", shell_complete=completion.nodes)
@reads
def nodes(*, name: str, telling: Telling) -> None:
    """The machines of the fleet, or the one called NAME.

    \b
    herd nodes
    herd get nodes -o wide       with GPUs, temperature, power, address, reason
    herd get nodes laptop -o yaml

    One that asks to join is `pending`, with the digits that its own terminal shows: herd approve NODE lets it in.

    Exit codes: 0 told, 1 failed, 2 wrong usage, 3 no such node.
    """
    from coordinator.verbs.connection import ask
    from coordinator.verbs.nodes_view import node_names, nodes_table

    def fetch(url: str) -> dict[str, Any]:
        told = ask("GET", "/fleet/status", url=url)
        pending = [
            each for each in told.get("joining", {}).get("pending", []) if name in ("", each["node_id"])
        ]
        nodes = told["nodes"] if pending and name else _named(told["nodes"], "node_id", name, "node")
        return {"nodes": [each for each in nodes if name in ("", each["node_id"])], "pending": pending}

    telling.show(fetch, View(nodes_table, node_names))


@get.command()
@click.argument("name", required=False, default="", shell_complete=completion.models)
@reads
def models(*, name: str, telling: Telling) -> None:
    """Models, on how many nodes each is (loaded/on disk), and what runs; or the one called NAME.

    \b
    herd get models
    herd get models llama3.2 -o json
    """
    from coordinator.verbs.connection import ask
    from coordinator.verbs.models_view import model_names, models_of, models_table
    from shared.names import normalise

    def fetch(url: str) -> dict[str, Any]:
        found = models_of(ask("GET", "/fleet/status", url=url))
        return {"models": _named(found, "name", normalise(name) if name else "", "model")}

    telling.show(fetch, View(models_table, model_names))


@get.command()
@click.argument("request_id", required=False, default="")
@click.option(
    "--last",
    type=click.IntRange(1, MOST_ENDED),
    metavar="N",
    help="The newest N that ended, instead of those that wait or run.",
)
@reads
def requests(*, request_id: str, last: int | None, telling: Telling) -> None:
    """Calls that wait or run, oldest first, or the one with that X-Request-Id.

    \b
    herd get requests -w
    herd get requests --last 20  the newest that ended
    herd describe request 0190c7e2-...

    PHASE: held (no place yet), loading, prefill, decode (its answer has begun).
    """
    from coordinator.verbs.connection import ask
    from coordinator.verbs.requests_view import ended_table, open_table, request_ids

    def fetch(url: str) -> dict[str, Any]:
        if last is None:
            found = ask("GET", "/fleet/requests", url=url)["requests"]
        else:
            found = ask("GET", f"/dashboard/api/traces?limit={last}", url=url)["traces"]
        return {"requests": _named(found, "request_id", request_id, "request that waits or runs")}

    telling.show(fetch, View(open_table if last is None else ended_table, request_ids))


get.add_command(nodes)


def _named(found: list[dict[str, Any]], field: str, name: str, what: str) -> list[dict[str, Any]]:
    """All, or those of that name. Raises NoAnswer where there is none."""
    from coordinator.verbs.connection import NOT_FOUND, NoAnswer
    from shared.names import near

    chosen = [each for each in found if not name or each[field] == name]
    if name and not chosen:
        close = near(name, [each[field] for each in found])
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise NoAnswer(f'no {what} is named "{name}"{hint}', code=NOT_FOUND)
    return chosen
