"""`herd top`: the fleet live in the terminal, or once as a table or JSON."""

import os
import sys
from typing import TYPE_CHECKING

import click

from coordinator.verbs.telling import ended, url_option

if TYPE_CHECKING:
    from coordinator.top.glyphs import Glyphs

VIEWS = ("nodes", "models", "requests", "events")


@click.command()
@click.option(
    "--once",
    is_flag=True,
    help="Print it once, as tables; so too where the output is no terminal, or TERM=dumb.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it once, as JSON.")
@click.option("--view", type=click.Choice(VIEWS), help="The view to begin with, or the only one to print.")
@click.option("--read-only", is_flag=True, help="No orders from here.")
@click.option(
    "--every", "every_s", type=click.FloatRange(0.5, 10), default=1.0, show_default=True, help="Seconds."
)
@click.option(
    "--ascii", "in_ascii", is_flag=True, help="No symbols beyond ASCII.  [default: as locale and TERM say]"
)
@url_option
def top(
    *, once: bool, as_json: bool, view: str | None, read_only: bool, every_s: float, in_ascii: bool, url: str
) -> None:
    """The fleet live: nodes, models, requests, events.

    \b
    herd top                       live; ? shows the keys, q ends it
    herd top --view requests       begins with the open calls
    herd top --once                plain tables, once
    herd top --json | jq .fleet    for scripts

    Exit codes: 0 told, 1 no coordinator answers, 2 wrong usage, 3 the coordinator is too old for it.
    """
    if as_json or once or not _is_live():
        ended(lambda: _print(_where(url), view or "", as_json=as_json, in_ascii=in_ascii))
    else:
        shown = view or VIEWS[0]
        ended(lambda: _live(_where(url), shown, read_only=read_only, every_s=every_s, in_ascii=in_ascii))


def _where(url: str) -> str:
    from coordinator.verbs.connection import base_url, found

    return base_url(url) if url else found()


def _print(url: str, view: str, *, as_json: bool, in_ascii: bool) -> None:
    import asyncio

    import msgspec

    from coordinator.top.following import Follower
    from coordinator.top.plain import plain_lines

    follower = Follower(url)
    picture = asyncio.run(follower.first())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(picture[view] if view else picture)))
        return
    width = _width() if sys.stdout.isatty() else 0
    for line in plain_lines(picture, url, follower.now(), width, _glyphs(in_ascii), view):
        click.echo(line)


def _live(url: str, view: str, *, read_only: bool, every_s: float, in_ascii: bool) -> None:
    import asyncio

    from coordinator.top.following import Follower
    from coordinator.top.screen import Top

    asyncio.run(Follower(url).first())  # nobody there: said at once, not on a screen of its own
    Top(Follower(url), _glyphs(in_ascii), read_only=read_only, every_s=every_s, view=view).run()


def _glyphs(in_ascii: bool) -> "Glyphs":
    from coordinator.top.glyphs import ASCII, fitting

    return ASCII if in_ascii else fitting(sys.stdout.encoding or "", os.environ, sys.platform)


def _is_live() -> bool:
    """Whether a screen can be drawn: both ends are a terminal, and one that can move its cursor."""
    known = sys.platform == "win32" or os.environ.get("TERM", "") not in ("", "dumb")
    return known and sys.stdout.isatty() and sys.stdin.isatty()


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
