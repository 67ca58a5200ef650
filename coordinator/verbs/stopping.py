"""`herd stop` and `herd rm`: a model leaves memory, or the disk."""

from typing import Any

import click

from coordinator.verbs.completion import models, nodes
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option

STOP_S = 60.0
"""How long the coordinator may be silent: longer than an engine may be to it."""
DELETE_S = 120.0
"""The same for one model's deletion, which goes from node to node."""

_node = click.option(
    "--node", type=Name(), metavar="NODE", shell_complete=nodes, help="Only there.  [default: wherever it is]"
)


@click.command()
@click.argument("model", type=Name(), shell_complete=models)
@_node
@url_option
@json_option
def stop(*, model: str, node: str | None, url: str, output: str) -> None:
    """MODEL leaves memory, on every node that has it loaded; calls that run there finish first.

    An engine that gives no answer keeps nobody else waiting: it is named, and the exit code is 1.

    \b
    herd stop llama3.2
    herd stop llama3.2 --node laptop
    """
    ended(lambda: _stop(model, node, url, output), url)


@click.command()
@click.argument("names", type=Name(), shell_complete=models, metavar="MODEL...", nargs=-1, required=True)
@_node
@url_option
@json_option
def rm(*, names: tuple[str, ...], node: str | None, url: str, output: str) -> None:
    """Each MODEL is deleted, from every Ollama that has it.

    \b
    herd rm old-model
    herd rm old-model another --node laptop
    """
    ended(lambda: _rm(names, node, url, output), url)


def _stop(model: str, node: str | None, url: str, output: str) -> int:
    """1 where a node did not do it."""
    from coordinator.verbs.connection import FAILED, OK, ask
    from coordinator.verbs.patience import patient

    order = {"model": model} | ({"node_id": node} if node else {})
    with patient("still waiting for the engines that have it in memory"):
        told = ask("POST", "/fleet/stop", order, url=url, timeout_s=STOP_S)
    failed, stopped = told.get("failed", []), ", ".join(told["nodes"])
    if output == "json":
        click.echo(rendered(told, "json", whole=False))
    elif stopped:
        say(f"stopped '{model}' on {stopped}")
    elif not failed:
        say(f"'{model}' is loaded on no Ollama{f' of {node}' if node else ''}", err=True)
    for each in failed:
        say(f"herd: {each['node_id']}: {each['error']}", err=True)
    return FAILED if failed else OK


def _rm(models: tuple[str, ...], node: str | None, url: str, output: str) -> int:
    """All are tried; the code of the first that failed."""
    from coordinator.verbs.connection import OK, NoAnswer, ask, base_url, found, is_other, stranger
    from coordinator.verbs.patience import patient

    where = base_url(url) if url else found()
    if is_other(where):
        raise stranger(where)  # a deletion has no answer but 200: anybody might say so
    code, done = OK, list[dict[str, Any]]()
    for model in models:
        order = {"model": model} | ({"node_id": node} if node else {})
        try:
            with patient(f"still waiting for '{model}' to be deleted"):
                ask("DELETE", "/api/delete", order, url=where, timeout_s=DELETE_S)
        except NoAnswer as error:
            say(f"herd: {error}", err=True)
            code = code or error.code
            done.append({"model": model, "deleted": False, "error": str(error)})
            continue
        done.append({"model": model, "deleted": True, "error": ""})
        if output != "json":
            say(f"deleted '{model}'")
    if output == "json":
        click.echo(rendered({"models": done}, "json", whole=False))
    return code
