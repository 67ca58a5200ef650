"""What all verbs that read have in common: where they ask, in which form they tell, whether they go on telling."""

import functools
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from coordinator.verbs.columns import Table

WATCH_EVERY_S = 2.0
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""What a terminal takes for: begin anew at the top."""

url_option = click.option(
    "--url",
    default="",
    metavar="URL",
    help="The coordinator.  [default: FLEET_URL, OLLAMA_HOST, this machine's, the one that mDNS shows]",
)
json_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="What standard output gets."
)


class View(NamedTuple):
    """How a document is shown. `names`: what -q prints, a line each."""

    table: Callable[[Any, bool], Table]
    """Of the document, and whether it may be wide."""
    names: Callable[[Any], list[str]]


class Telling(NamedTuple):
    """As a person asked for it."""

    url: str
    output: str
    headings: bool
    quiet: bool
    watch: bool

    def show(self, fetch: Callable[[str], Any], view: View) -> None:
        """Prints what `fetch` gives of the coordinator at that URL; with `watch`, anew whenever it differs."""
        from coordinator.verbs.connection import NoAnswer, base_url, found

        where = base_url(self.url) if self.url else found()
        shown = self._text(fetch(where), view)
        self._print(shown)
        away = False
        while self.watch:
            time.sleep(WATCH_EVERY_S)
            try:
                text, away = self._text(fetch(where), view), False
            except NoAnswer as error:
                if error.reached:
                    raise
                if not away:
                    click.echo(f"herd: {error}; still trying", err=True)
                away = True
                continue
            if text != shown:
                shown = text
                self._print(shown)

    def _text(self, document: Any, view: View) -> str:
        if self.quiet:
            return "\n".join(view.names(document))
        if self.output in ("json", "yaml"):
            return rendered(document, self.output, whole=not self.watch)
        return "\n".join(view.table(document, self.output == "wide").lines(headings=self.headings))

    def _print(self, text: str) -> None:
        if self.watch and self.output in ("table", "wide") and sys.stdout.isatty():
            click.echo(CLEAR, nl=False)
        elif self.watch and self.output == "yaml":
            click.echo("---")
        if text:
            click.echo(text)
        sys.stdout.flush()


def rendered(document: Any, output: str, *, whole: bool = True) -> str:
    """JSON or YAML. `whole`: JSON over several lines; else one line a document."""
    if output == "yaml":
        from coordinator.verbs.block_yaml import block_yaml

        return block_yaml(document)
    import msgspec

    encoded = msgspec.json.encode(document)
    return (msgspec.json.format(encoded) if whole else encoded).decode()


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command of click `telling`, from the options that it adds, and ends it as verbs end."""

    @url_option
    @click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "wide", "json", "yaml"]),
        default="table",
        help="How it is told.",
    )
    @click.option("--no-headers", is_flag=True, help="No headings over the table.")
    @click.option("-q", "--quiet", is_flag=True, help="Names only, a line each.")
    @click.option(
        "-w",
        "--watch",
        is_flag=True,
        help="Tell it again whenever it changes, until ctrl-C; JSON a line each.",
    )
    @functools.wraps(command)
    def reading(
        *args: Any, url: str, output: str, no_headers: bool, quiet: bool, watch: bool, **kwargs: Any
    ) -> None:
        telling = Telling(url, output, not no_headers, quiet, watch)
        ended(lambda: command(*args, telling=telling, **kwargs))

    return reading


def ended(work: Callable[[], int | None]) -> None:
    """Runs a verb and ends the program with its exit code, or with that of what went wrong."""
    from coordinator.verbs.connection import INTERRUPTED, NoAnswer

    try:
        sys.exit(work() or 0)
    except NoAnswer as error:
        click.echo(f"herd: {error}", err=True)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
