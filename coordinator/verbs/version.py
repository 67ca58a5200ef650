"""`herd version`: of this program, the coordinator and the agents."""

from typing import Any

import click

from coordinator.verbs.telling import ended, json_option, rendered, say, url_option
from shared import __version__


@click.command()
@click.option("--client", is_flag=True, help="Of this program only; asks nobody.")
@url_option
@json_option
def version(*, client: bool, url: str, output: str) -> None:
    """Versions of this program, the coordinator, the agents and the engines.

    \b
    herd version
    herd version --client

    Exit codes: 0 told, 1 no coordinator answers (this program's is told all the same).
    """
    ended(lambda: _version(client, url, output), url)


def _version(client: bool, url: str, output: str) -> int:
    from coordinator.verbs.connection import OK, NoAnswer

    told: dict[str, Any] = {"client": __version__}
    code = OK
    if not client:
        try:
            told |= _asked(url)
        except NoAnswer as error:
            say(f"herd: {error}", err=True)
            code = error.code
    lines = _lines(told)
    if output == "json":
        click.echo(rendered(told, "json"))
    else:
        say("\n".join(lines))
    return code


def _asked(url: str) -> dict[str, Any]:
    from coordinator.verbs.connection import ask, base_url, found

    where = base_url(url) if url else found()
    nodes = ask("GET", "/fleet/status", url=where)["nodes"]
    return {
        "coordinator": {"url": where, "version": ask("GET", "/health", url=where)["version"]},
        "nodes": [
            {
                "node_id": node["node_id"],
                "version": node["agent_version"],
                "engines": {engine["name"]: engine["version"] for engine in node["engines"]},
            }
            for node in nodes
        ],
    }


def _lines(told: dict[str, Any]) -> list[str]:
    from shared.printable import printable

    lines = [f"herd {told['client']}"]
    if "coordinator" in told:
        lines.append(f"coordinator {told['coordinator']['version']} at {told['coordinator']['url']}")
        for node in told["nodes"]:
            engines = ", ".join(f"{name} {text}".strip() for name, text in node["engines"].items())
            lines.append(f"{node['node_id']} {node['version']}{f' ({engines})' if engines else ''}")
    return list(map(printable, lines))
