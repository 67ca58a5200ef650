"""`herd logs`: the coordinator's log, from any machine."""

from typing import Any
from urllib.parse import urlencode

import click

from coordinator.verbs.completion import nodes
from coordinator.verbs.saying import rendered, rest
from coordinator.verbs.telling import ended, say, url_option

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
    ended(
        lambda: _logs({name: text for name, text in asked.items() if text}, url, output, follow=follow), url
    )


def _logs(asked: dict[str, str], url: str, output: str, *, follow: bool) -> None:
    from coordinator.verbs.connection import NoAnswer, ask, base_url, found

    where = base_url(url) if url else found()
    away = False
    first = True
    while True:
        try:
            page, away = ask("GET", f"/fleet/logs?{urlencode(asked)}", url=where), False
        except NoAnswer as error:
            if error.reached or not (follow and "after" in asked):
                raise
            if not away:
                say(f"herd: {error}; still trying", err=True)
            away = True
        else:
            if first and not (follow or page["lines"]):
                _must_be_known(asked, where)
            first = False
            _print(page["lines"], output)
            asked |= {"after": page["after"], "lines": str(MOST_LINES)}
            if follow and len(page["lines"]) == MOST_LINES:
                continue
        if not follow:
            return
        rest(LOOK_EVERY_S)


def _must_be_known(asked: dict[str, str], where: str) -> None:
    """Where no line was found: a name that nobody has is likely mistyped. Raises NoAnswer."""
    from coordinator.verbs.connection import NOT_FOUND, NoAnswer, ask
    from shared.names import near

    if "request_id" in asked:
        raise NoAnswer(
            f'no line of level {asked["level"]} or above is about request "{asked["request_id"]}"',
            code=NOT_FOUND,
        )
    if "node_id" in asked:
        known = [node["node_id"] for node in ask("GET", "/fleet/status", url=where)["nodes"]]
        if asked["node_id"] not in known:
            close = near(asked["node_id"], known)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise NoAnswer(f'no node is named "{asked["node_id"]}"{hint}', code=NOT_FOUND)


def _print(lines: list[dict[str, Any]], output: str) -> None:
    for line in lines:
        click.echo(rendered(line, "json", whole=False) if output == "json" else log_line(line))


def log_line(line: dict[str, Any]) -> str:
    """As it stands on the coordinator's terminal, with the date and the call's id."""
    from shared.printable import printable

    about = f" [{line['request_id']}]" if line.get("request_id") else ""
    text = f"{line.get('ts', '')} {line.get('level', ''):<7} {line.get('msg', '')}{about}"
    error = str(line.get("exception", ""))
    return "\n".join(map(printable, [text, *error.splitlines()]))
