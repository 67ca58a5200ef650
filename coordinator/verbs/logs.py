"""`herd logs`: the coordinator's log, from any machine."""

import sys
import time
from typing import Any
from urllib.parse import urlencode

import click

from coordinator.verbs.completion import nodes
from coordinator.verbs.telling import ended, url_option

LOOK_EVERY_S = 1.0
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_LINES = 1_000


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(1, MOST_LINES), default=50, show_default=True, help="To begin with."
)
@click.option("--node", default="", shell_complete=nodes, help="Only lines about this node.")
@click.option("--request", default="", metavar="ID", help="Only lines about the call with this X-Request-Id.")
@click.option(
    "--level", type=click.Choice(LEVELS), default="INFO", show_default=True, help="And graver ones."
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="json: as it is in the file."
)
@url_option
def logs(*, follow: bool, lines: int, node: str, request: str, level: str, output: str, url: str) -> None:
    """The coordinator's log. An agent's own is on its machine, in logs/herd-node.jsonl of its data directory, and so
    are those of its engines, which may repeat what callers said: herd describe node tells their last words.

    \b
    herd logs -f
    herd logs --node laptop --level WARNING
    herd logs --request 0190c7e2-... --level DEBUG
    """
    asked = {"node_id": node, "request_id": request, "level": level, "lines": str(lines)}
    ended(lambda: _logs({name: text for name, text in asked.items() if text}, url, output, follow=follow))


def _logs(asked: dict[str, str], url: str, output: str, *, follow: bool) -> None:
    from coordinator.verbs.connection import NoAnswer, ask, base_url, found

    where = base_url(url) if url else found()
    away = False
    while True:
        try:
            page, away = ask("GET", f"/fleet/logs?{urlencode(asked)}", url=where), False
        except NoAnswer as error:
            if error.reached or not (follow and "after" in asked):
                raise
            if not away:
                click.echo(f"herd: {error}; still trying", err=True)
            away = True
        else:
            _print(page["lines"], output)
            asked |= {"after": page["after"], "lines": str(MOST_LINES)}
            if follow and len(page["lines"]) == MOST_LINES:
                continue
        if not follow:
            return
        time.sleep(LOOK_EVERY_S)


def _print(lines: list[dict[str, Any]], output: str) -> None:
    from coordinator.verbs.telling import rendered

    for line in lines:
        click.echo(rendered(line, "json", whole=False) if output == "json" else log_line(line))
    sys.stdout.flush()


def log_line(line: dict[str, Any]) -> str:
    """As it stands on the coordinator's terminal, with the date and the call's id."""
    from shared.printable import printable

    about = f" [{line['request_id']}]" if line.get("request_id") else ""
    text = f"{line.get('ts', '')} {line.get('level', ''):<7} {line.get('msg', '')}{about}"
    error = str(line.get("exception", ""))
    return "\n".join(map(printable, [text, *error.splitlines()]))
