"""`herd run`: a chat in the terminal, or one answer for a script."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from coordinator.verbs.completion import models
from coordinator.verbs.saying import pour
from coordinator.verbs.telling import Name, ended, say, url_option

PATIENCE_S = 5.0
"""After so long without a word a person is told how to find out why."""
HISTORY = "run-history"
HISTORY_LINES = 1_000
PROMPT, MORE = ">>> ", "... "


@click.command()
@click.argument("model", type=Name(), shell_complete=models)
@click.argument("prompt", nargs=-1)
@click.option("--system", default="", metavar="TEXT", help="What the model is told to be.")
@click.option("--format", "shape", type=click.Choice(["json"]), help="The answer is JSON.")
@click.option("--keepalive", metavar="TIME", help="How long it stays loaded afterwards, as 5m, or -1.")
@click.option("--think/--no-think", default=None, help="Whether a model that can think does.")
@click.option("--hidethinking", is_flag=True, help="Do not show what it thinks.")
@click.option("--verbose", is_flag=True, help="Tell how long it took, and where.")
@click.option("--no-history", is_flag=True, help="Do not keep what is typed for the next time.")
@url_option
def run(
    *,
    model: str,
    prompt: tuple[str, ...],
    system: str,
    shape: str | None,
    keepalive: str | None,
    think: bool | None,
    hidethinking: bool,
    verbose: bool,
    no_history: bool,
    url: str,
) -> None:
    """Chat with MODEL; with a PROMPT, or with one on standard input, one answer.

    \b
    herd run llama3.2
    herd run llama3.2 "Why is the sky blue?"
    git diff | herd run qwen3:8b "Write a commit message:"

    The answer goes to standard output, thinking and all else to standard error.
    """
    from coordinator.verbs.conversation import Conversation

    fields = {"format": shape, "keep_alive": _keep_alive(keepalive), "think": think}
    chat = Conversation(model, system, **{name: value for name, value in fields.items() if value is not None})
    asker = _Asker(chat, url, thinking=not hidethinking, verbose=verbose)
    text = " ".join(prompt)
    if not sys.stdin.isatty():
        text = " ".join(filter(None, [sys.stdin.buffer.read().decode("utf-8", "replace").strip(), text]))
        if not text:
            raise click.UsageError("standard input is no terminal, and there is no prompt")
    if text:
        ended(lambda: asker.answer(text), url)
    else:
        ended(lambda: _chat(chat, asker, keeps=not no_history), url)


class _Asker:
    """Asks the same coordinator each time."""

    def __init__(self, chat: Any, url: str, *, thinking: bool, verbose: bool) -> None:
        from coordinator.verbs.connection import base_url

        self._chat = chat
        self._url = base_url(url) if url else ""
        self._thinking = thinking
        self._verbose = verbose

    def look(self) -> None:
        """Tells at once of a model that nobody has: a node may still fetch it, when it is asked. Raises NoAnswer."""
        from coordinator.verbs.connection import NOT_FOUND, NoAnswer, ask, found

        self._url = self._url or found()
        try:
            ask("POST", "/api/show", {"model": self._chat.model}, url=self._url)
        except NoAnswer as error:
            if not error.reached:
                raise
            if error.code == NOT_FOUND:
                say(f"herd: {error}", err=True)

    def answer(self, text: str) -> None:
        """Prints it as it comes. Raises NoAnswer; a KeyboardInterrupt leaves what was said said."""
        from coordinator.verbs.connection import ask_lines, found

        self._url = self._url or found()
        said: list[str] = []
        end: dict[str, Any] = {}
        node = ""
        try:
            with (
                _patient() as heard,
                contextlib.closing(
                    ask_lines("POST", "/api/chat", self._chat.asks(text), url=self._url)
                ) as lines,
            ):
                for headers, line in lines:
                    heard()
                    node = headers.get("X-Fleet-Node", "")
                    said.append(self._told(line))
                    end = line
        finally:
            self._chat.answered("".join(said))
            if said and not "".join(said).endswith("\n"):
                click.echo()
        self._conclude(end, node)

    def _told(self, line: dict[str, Any]) -> str:
        message = line.get("message") or {}
        if self._thinking and message.get("thinking"):
            pour(str(message["thinking"]), err=True)
        text = str(message.get("content") or "")
        if text:
            pour(text)
        return text

    def _conclude(self, end: dict[str, Any], node: str) -> None:
        from coordinator.verbs.connection import NoAnswer
        from coordinator.verbs.conversation import figures

        if not end.get("done"):
            raise NoAnswer("the answer broke off")
        if self._verbose:
            say("\n".join(figures(end, node)), err=True)


def _chat(chat: Any, asker: _Asker, *, keeps: bool) -> None:
    """Until the person leaves."""
    from coordinator.verbs.connection import NoAnswer

    asker.look()
    say(f"{chat.model}: /? for help, /bye or ctrl-D to end", err=True)
    with _history(keeps):
        prompt = PROMPT
        while True:
            try:
                typed = chat.typed(input(prompt))
                prompt = MORE if typed.kind == "more" else PROMPT
                if typed.kind == "bye":
                    return
                if typed.kind == "tell":
                    say(typed.text, err=True)
                if typed.kind == "say":
                    asker.answer(typed.text)
            except EOFError:
                click.echo()
                return
            except KeyboardInterrupt:
                click.echo("\n(/bye or ctrl-D ends)", err=True)
                chat.broken_off()
                prompt = PROMPT
            except NoAnswer as error:
                say(f"herd: {error}", err=True)


@contextlib.contextmanager
def _history(keeps: bool) -> Iterator[None]:
    """Arrow keys, and lines of earlier chats, readable by their owner alone. No library for it: plain lines."""
    try:
        import readline
    except ImportError:
        yield
        return
    file = _data_dir() / HISTORY
    if keeps:
        with contextlib.suppress(OSError):
            readline.read_history_file(file)
    readline.set_history_length(HISTORY_LINES)
    try:
        yield
    finally:
        if keeps:
            with contextlib.suppress(OSError):
                file.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
                readline.write_history_file(file)


def _data_dir() -> Path:
    """The coordinator's on this machine, as its settings say; where they are wrong, the default: doctor tells that."""
    from coordinator.config import PREFIX, Settings
    from shared.settings import DEFAULT_DATA_DIR, SettingsError, resolve

    try:
        return resolve(Settings, PREFIX, {}, other_prefixes=("FLEET_NODE_",)).values.directory()
    except SettingsError:
        return Path(DEFAULT_DATA_DIR).expanduser()


@contextlib.contextmanager
def _patient() -> Iterator[Any]:
    """Tells once that no word has come yet; what it gives is called when one has."""
    hint = "still waiting: herd get requests tells for what"
    timer = threading.Timer(PATIENCE_S, lambda: click.echo(hint, err=True))
    timer.daemon = True
    timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()


def _keep_alive(text: str | None) -> str | int | None:
    """As Ollama takes it: a number of seconds as a number."""
    return int(text) if text is not None and text.removeprefix("-").isdecimal() else text
