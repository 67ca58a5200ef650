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
1 2 3 4     nodes, models, requests, events      tab        the next of them
:           nodes, models, req, events, sort NAME, every 2, quit
/           filter by a regular expression; !x: all without x; esc ends it
up down j k g G  home end  page keys             left right move sideways (wide)
enter d     what is known of it                  space      mark
e           why it went there: points, losers    l          last lines of its log
s S         order by the next column, backwards  NAME's first letter (capital): by it
p           stand still                          + -        more often, less often
w           all columns                          o          the page in a browser
u           cordon, uncordon (asks)              r          drain (asks)
ctrl-k      end the request (asks)               q ctrl-c   quit

Nodes    RUN calls now, TOK/S of the last ten seconds, TTFT median of the last minute
Models   NODES in memory/on disk; HELD calls that wait for it
Requests IN and OUT tokens, about, until the engine has counted them
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
