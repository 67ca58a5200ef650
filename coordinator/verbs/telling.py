"""What all verbs that read have in common: where they ask, in which form they tell, whether they go on telling."""

import errno
import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from coordinator.verbs.columns import Table
from coordinator.verbs.saying import let_go, rendered, rest, say
from shared.printable import printable

if TYPE_CHECKING:
    from coordinator.verbs.connection import NoAnswer

__all__ = ["Name", "Telling", "View", "ended", "json_option", "reads", "rendered", "say", "url_option"]

WATCH_EVERY_S = 2.0
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
"""What a terminal takes for: begin anew at the top."""
OPEN = "open mode: no keys are asked for; everybody on the network may use this fleet (herd doctor)"
UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
SHAPES = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What comes of looking at an answer that is not what it should be."""


class Name(click.types.StringParamType):
    """Of something; an empty one is wrong usage."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As it is."""
        if not str(value).strip():
            self.fail("a name is needed, not nothing", param, ctx)
        return str(value)


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
        from coordinator.verbs.connection import NoAnswer, base_url, found, is_open

        where = base_url(self.url) if self.url else found()
        shown = self._text(fetch(where), view)
        if self.output in ("table", "wide") and not self.quiet and is_open(where):
            say(OPEN, err=True)
        self._print(shown)
        away = False
        while self.watch:
            rest(WATCH_EVERY_S)
            try:
                text, away = self._text(fetch(where), view), False
            except NoAnswer as error:
                if error.reached:
                    raise
                if not away:
                    say(f"herd: {error}; still trying", err=True)
                away = True
                continue
            if text != shown:
                shown = text
                self._print(shown)

    def _text(self, document: Any, view: View) -> str:
        names = view.names(document)  # whatever is told of it: rubbish shows here
        if self.quiet:
            return "\n".join(map(printable, names))
        if self.output in ("json", "yaml"):
            return rendered(document, self.output, whole=not self.watch)
        return "\n".join(view.table(document, self.output == "wide").lines(headings=self.headings))

    def _print(self, text: str) -> None:
        if self.watch and self.output in ("table", "wide") and sys.stdout and sys.stdout.isatty():
            click.echo(CLEAR, nl=False)
        elif self.watch and self.output == "yaml":
            click.echo("---")
        if text:
            click.echo(text)


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
        ended(lambda: command(*args, telling=telling, **kwargs), url)

    return reading


def ended(work: Callable[[], int | None], url: str | None = None) -> None:
    """Runs a verb and ends the program with its exit code, or with that of what went wrong.

    `url`: as --url names the coordinator that the verb asks; None: it asks none. An answer whose shape is not ours
    comes out as KeyError and the like wherever it is looked at: here it becomes a word about who answered.
    """
    from coordinator.verbs.connection import FAILED, INTERRUPTED, OK, NoAnswer, stranger

    try:
        code = work() or OK
    except NoAnswer as error:
        code = _failed(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        let_go()
        code = OK
    except OSError as error:
        if error.errno not in UNWRITTEN:
            raise
        let_go()
        say(f"herd: cannot write: {error.strerror}", err=True)
        code = FAILED
    except SHAPES:
        if url is None or os.environ.get("HERD_DEBUG"):
            raise
        code = _failed(stranger(url))
    sys.exit(code)


def _failed(error: "NoAnswer") -> int:
    say(f"herd: {error}", err=True)
    return error.code
