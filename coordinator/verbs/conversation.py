"""A chat in the terminal: what was said, what a typed line means. Pure."""

from typing import Any, NamedTuple

QUOTES = '"""'

HELP = """\
  /set system TEXT   what the model is told to be; without TEXT, nothing
  /show              which model this is
  /clear             forget what was said
  /bye               end (ctrl-D, too)
  /?                 this
Lines between \"\"\" are one message. Ctrl-C ends an answer."""


class Typed(NamedTuple):
    """What a message or command is: `say` (with text), `more` lines are to come, or a command's name."""

    kind: str
    text: str = ""


class Conversation:
    """One chat."""

    def __init__(self, model: str, system: str = "", **fields: Any) -> None:
        """`fields`: further ones of each call's body (format, keep_alive, think)."""
        self.model = model
        self.system = system
        self._fields = fields
        self._said: list[dict[str, Any]] = []
        self._open: list[str] | None = None

    def typed(self, line: str) -> Typed:
        """What the next line means."""
        if self._open is not None:
            return self._goes_on(line)
        if line.strip().startswith(QUOTES):
            self._open = []
            return self._goes_on(line.strip().removeprefix(QUOTES))
        if line.startswith("/"):
            return self._command(line)
        return Typed("say", line) if line.strip() else Typed("nothing")

    def asks(self, text: str) -> dict[str, Any]:
        """The body of a call of /api/chat that says this after all that was said."""
        self._said.append({"role": "user", "content": text})
        system = [{"role": "system", "content": self.system}] if self.system else []
        return {"model": self.model, "messages": system + self._said, "stream": True} | self._fields

    def answered(self, text: str) -> None:
        """The model said this; nothing: the question is taken back, for it had no answer."""
        if text:
            self._said.append({"role": "assistant", "content": text})
        else:
            self._said.pop()

    def broken_off(self) -> None:
        """The lines that were typed so far count for nothing."""
        self._open = None

    def _goes_on(self, line: str) -> Typed:
        assert self._open is not None  # noqa: S101 - its callers looked
        if not line.rstrip().endswith(QUOTES):
            self._open.append(line)
            return Typed("more")
        text = "\n".join([*self._open, line.rstrip().removesuffix(QUOTES)]).strip("\n")
        self._open = None
        return Typed("say", text) if text.strip() else Typed("nothing")

    def _command(self, line: str) -> Typed:
        name, _, rest = line.strip().partition(" ")
        if name in ("/bye", "/exit", "/quit"):
            return Typed("bye")
        if name == "/clear":
            self._said.clear()
            return Typed("tell", "forgotten")
        if name == "/show":
            return Typed("tell", f"{self.model}, {len(self._said)} messages")
        if name == "/set" and rest.split(" ")[0] == "system":
            self.system = rest.partition(" ")[2].strip().strip('"')
            return Typed("tell", "the system message is set" if self.system else "no system message")
        return Typed("tell", HELP if name in ("/?", "/help") else f"no such command: {name} (/? tells them)")


def figures(end: dict[str, Any], node: str) -> list[str]:
    """What the last line of an answer tells of it, for --verbose."""
    made, took_ns = end.get("eval_count"), end.get("eval_duration")
    rate = f"{made / took_ns * 1e9:.2f} tokens/s" if made and took_ns else ""
    facts = {
        "node": node,
        "total duration": _seconds(end.get("total_duration")),
        "load duration": _seconds(end.get("load_duration")),
        "prompt eval count": end.get("prompt_eval_count"),
        "eval count": made,
        "eval rate": rate,
    }
    return [f"{name + ':':<20} {text}" for name, text in facts.items() if text not in (None, "")]


def _seconds(nanoseconds: float | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / 1e9:.3f} s"
