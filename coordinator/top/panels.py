"""What stands over the table: a panel with lines, a question, the keys."""

from collections.abc import Callable

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

REFRESH_S = 1.0

KEYS = """\
1 2 3 4  tab      nodes, models, requests, events; the next of them
:                 nodes, models, req, events, sort NAME, every 2s, quit
/                 filter by a regular expression; /!x all without x; esc ends it
up down j k g G   one row, first, last; home, end, page keys
left right        sideways, where all columns (w) are wider than the screen
enter d           what is known of it
e                 why a request went there: its points, and who lost
l                 last lines of the log about it
space             mark it: u, r and ctrl-k are then for all that are marked
u                 cordon, or uncordon (asks first)
r                 drain (asks first)
ctrl-k            end the request (asks first)
s S               order by the next column; the other way round
A to Z            order by the next column that begins with that letter
p   + -           stand still; draw more often, less often
w   o             all columns; the page in a browser
q   ctrl-c        quit

Nodes     TOK/S of the last ten seconds, TTFT median of the last minute
Models    NODES that have it in memory/on disk, HELD calls that wait for it
Requests  IN and OUT are estimates until the engine has counted them
"""


class Panel(ModalScreen[None]):
    """Lines that are asked for again each second, under a title."""

    BINDINGS = [  # noqa: RUF012 - textual's way
        Binding("escape,q,d,enter", "dismiss", "back"),
        Binding("j,down", "scroll(1)"),
        Binding("k,up", "scroll(-1)"),
        Binding("g,home", "scroll(-100000)"),
        Binding("G,end", "scroll(100000)"),
        Binding("pagedown,space", "scroll(15)"),
        Binding("pageup", "scroll(-15)"),
    ]

    def __init__(self, title: str, content: Callable[[], RenderableType], *, live: bool = True) -> None:
        """`live`: whether the content changes."""
        super().__init__()
        self._title = title
        self._content = content
        self._live = live

    def compose(self) -> ComposeResult:
        """textual asks for it."""
        with Vertical(id="panel"):
            yield Static(f"{self._title}   (esc: back)", id="panel-title", markup=False)
            with VerticalScroll(id="panel-body"):
                yield Static(self._content(), id="panel-text", markup=False)

    def on_mount(self) -> None:
        """From now on each second."""
        if self._live:
            self.set_interval(REFRESH_S, self.again)

    def again(self) -> None:
        """Asks for the content again."""
        self.query_one("#panel-text", Static).update(self._content())

    def action_scroll(self, lines: int) -> None:
        """So many lines on."""
        self.query_one("#panel-body", VerticalScroll).scroll_relative(y=lines, animate=False)


class Question(ModalScreen[bool]):
    """Yes, or anything else."""

    BINDINGS = [  # noqa: RUF012 - textual's way
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q,enter,space", "answer(False)", "no"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """textual asks for it."""
        yield Static(f"{self._text}\n\n[y] yes   [n] no", id="question", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Ends the question."""
        self.dismiss(answer)
