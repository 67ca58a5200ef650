"""`herd describe node|model|request`: what the coordinator knows of one thing."""

from typing import Any
from urllib.parse import quote

import click

from coordinator.verbs.completion import models, nodes
from coordinator.verbs.lazy import LazyGroup
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option

DAYS = 7
"""Of which calls are summed."""


@click.group(cls=LazyGroup)
def describe() -> None:
    """What the coordinator knows of one thing.

    \b
    herd describe node laptop
    herd describe model llama3.2
    herd describe request 0190c7e2-...
    """


@describe.command()
@click.argument("name", type=Name(), shell_complete=nodes)
@url_option
@json_option
def node(*, name: str, url: str, output: Any) -> None:
    """A node: its machine, its engines and their models, and what happened to them.

    \b
    herd describe node laptop
    herd describe node laptop -o json
    """
    from coordinator.verbs.describe import describe_node

    ended(lambda: describe_node(name, url=url, output=output), url)


@describe.command()
@click.argument("name", type=Name(), shell_complete=models)
@url_option
@json_option
def model(*, name: str, url: str, output: str) -> None:
    """A model: what it is, where it is and is loaded, what it served in the last week.

    \b
    herd describe model llama3.2
    herd describe model llama3.2 -o json
    """
    ended(lambda: _model(name, url, output), url)


@describe.command()
@click.argument("request_id", type=Name())
@url_option
@json_option
def request(*, request_id: str, url: str, output: str) -> None:
    """A call, by its X-Request-Id: what became of it, and why it went where it went.

    \b
    herd describe request 0190c7e2-...
    """
    ended(lambda: _request(request_id, url, output), url)


def _model(name: str, url: str, output: str) -> None:
    from coordinator.verbs.connection import NOT_FOUND, NoAnswer, ask, base_url, found
    from coordinator.verbs.model_view import described
    from coordinator.verbs.models_view import models_of
    from shared.names import near, normalise

    where = base_url(url) if url else found()
    models = {each["name"]: each for each in models_of(ask("GET", "/fleet/status", url=where))}
    told = models.get(normalise(name))
    if told is None:
        close = near(name, models)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise NoAnswer(f'model "{name}" not found{hint}', code=NOT_FOUND)
    usage = ask("GET", f"/dashboard/api/usage?days={DAYS}", url=where)["data"]
    told["calls"] = [row for row in usage if row["model"] == told["name"]]
    told["days"] = DAYS
    lines = list(described(told))
    if output == "json":
        click.echo(rendered(told, "json"))
    else:
        say("\n".join(lines))


def _request(request_id: str, url: str, output: str) -> None:
    from coordinator.verbs.connection import ask

    told: dict[str, Any] = ask("GET", f"/fleet/explain/{quote(request_id, safe='')}", url=url)
    from coordinator.verbs.explain import show_decision

    show_decision(told, as_json=output == "json")
