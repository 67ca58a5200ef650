"""`herd pull`: a model is fetched by the Ollama of one node, of some, or of all, with its progress."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from coordinator.verbs.completion import models
from coordinator.verbs.completion import nodes as node_names
from coordinator.verbs.pull_plan import Plan, Pulled
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option

LOOK_EVERY_S = 0.1
STEP = 10
"""Percent between two lines, where no terminal shows bars."""
NOWHERE = "file does not exist"
"""In what Ollama says of a name that the registry does not know."""


@click.command()
@click.argument("model", type=Name(), shell_complete=models)
@click.option(
    "--node",
    "nodes",
    type=Name(),
    metavar="NODE",
    multiple=True,
    shell_complete=node_names,
    help="Onto this node; may be repeated.",
)
@click.option("--all", "everywhere", is_flag=True, help="Onto every node that has an Ollama.")
@click.option("--replicas", type=click.IntRange(1), metavar="N", help="Until N nodes have it.")
@url_option
@json_option
def pull(
    *, model: str, nodes: tuple[str, ...], everywhere: bool, replicas: int | None, url: str, output: str
) -> None:
    """Fetch MODEL from its registry.

    \b
    herd pull llama3.2                 where it is already, else on the node with most free disk
    herd pull llama3.2 --node laptop
    herd pull llama3.2 --replicas 2    two nodes will have it
    herd pull llama3.2 --all

    Ctrl-C ends it; what has come is kept, and the next pull goes on from there.
    Exit codes: 0 pulled everywhere, 1 failed somewhere, 2 wrong usage, 3 no such model or node.
    """
    if bool(nodes) + everywhere + (replicas is not None) > 1:
        raise click.UsageError("say one of: --node, --all, --replicas")
    ended(lambda: _pull(model, nodes, replicas, url, output, everywhere=everywhere), url)


def _pull(
    model: str, nodes: tuple[str, ...], replicas: int | None, url: str, output: str, *, everywhere: bool
) -> int:
    from coordinator.verbs.connection import NoAnswer, ask, base_url, found
    from coordinator.verbs.pull_plan import Impossible, planned

    where = base_url(url) if url else found()
    status = ask("GET", "/fleet/status", url=where)
    try:
        plan = planned(status["nodes"], model, named=nodes, everywhere=everywhere, replicas=replicas)
    except Impossible as error:
        raise NoAnswer(str(error)) from error
    pulls = [_One(model, node_id, where) for node_id in plan.onto]
    _shown(pulls)
    return _concluded(model, plan, pulls, output)


class _One(threading.Thread):
    """One node's pull. It is not waited for at the end of the program: ctrl-C ends it by closing its connection."""

    def __init__(self, model: str, node_id: str, where: str) -> None:
        super().__init__(daemon=True)
        self.progress = Pulled(node_id)
        self.code = 0
        self._order = {"model": model} | ({"node_id": node_id} if node_id else {})
        self._where = where

    def run(self) -> None:
        """Until it has ended, in whichever way."""
        from coordinator.verbs.connection import FAILED, NOT_FOUND, NoAnswer, ask_lines

        progress = self.progress
        try:
            for headers, line in ask_lines("POST", "/api/pull", self._order, url=self._where):
                progress.node_id = progress.node_id or headers.get("X-Fleet-Node", "")
                progress.feed(line)
        except Exception as error:
            told = isinstance(error, NoAnswer)
            progress.error = str(error) if told else f"{self._where} tells no progress of a pull"
            self.code = NOT_FOUND if NOWHERE in progress.error else getattr(error, "code", FAILED)
        if not (progress.done or progress.error):
            progress.error, self.code = "the pull broke off", FAILED


def _shown(pulls: list[_One]) -> None:
    """Until all have ended. Bars on a terminal, else a line now and then, on standard error."""
    for each in pulls:
        each.start()
    if not pulls:
        return
    with _bars(pulls) if sys.stderr.isatty() else _lines(pulls) as look:
        while any(each.is_alive() for each in pulls):
            look()
            time.sleep(LOOK_EVERY_S)
        look()


@contextmanager
def _lines(pulls: list[_One]) -> Iterator[Callable[[], None]]:
    told: dict[_One, tuple[str, int]] = {}

    def look() -> None:
        for each in pulls:
            progress = each.progress
            step = progress.percent // STEP * STEP
            if progress.status and told.get(each) != (progress.status, step):
                told[each] = progress.status, step
                part = f" {step} %" if progress.total and not progress.done else ""
                say(f"{progress.node_id}: {progress.status}{part}", err=True)

    yield look


@contextmanager
def _bars(pulls: list[_One]) -> Iterator[Callable[[], None]]:
    """The cursor is there again whatever ends them."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from shared.printable import printable

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bars:
        tasks = {each: bars.add_task("", total=None) for each in pulls}

        def look() -> None:
            for each, task in tasks.items():
                progress = each.progress
                text = escape(printable(f"{progress.node_id or '...'}  {progress.error or progress.status}"))
                bars.update(
                    task, description=text, completed=progress.completed, total=progress.total or None
                )
            bars.refresh()

        yield look


def _concluded(model: str, plan: Plan, pulls: list[_One], output: str) -> int:
    told = [
        {"node_id": each.progress.node_id, "pulled": each.progress.done, "error": each.progress.error}
        for each in pulls
    ]
    if output == "json":
        click.echo(rendered({"model": model, "nodes": told, "had": plan.have}, "json", whole=False))
    for each in pulls:
        if each.progress.error:
            say(f"herd: {each.progress.node_id or model}: {each.progress.error}", err=True)
        elif each.progress.done and output != "json":
            say(f"pulled '{model}' onto {each.progress.node_id}")
    if not pulls and output != "json":
        say(f"'{model}' is on {', '.join(plan.have)} already")
    return max((each.code for each in pulls), default=0)
