"""The screen of `herd top` as it looks: the newest picture, drawn once a second, one view at a time."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events, work
from textual.app import App, ComposeResult
from textual.timer import Timer
from textual.widgets import Input

from coordinator.top.following import Follower
from coordinator.top.glyphs import Glyphs
from coordinator.top.header import LONGEST_LINE, alerts_of, figures_line, title_line, unsafe_nodes
from coordinator.top.status import Asked, status_line, tabs_line
from coordinator.top.table import matching, ordered
from coordinator.top.typed import INTERVALS_S
from coordinator.top.views import VIEWS, View
from coordinator.top.widgets import FleetTable, Lines

TOLD_S = 6.0
"""How long a word about what was done stands."""
LOOK_S = 1.0

FOR_HEAD, FOR_TABS = 6, 4
"""Rows of a screen from which the figures, and the views, have room above the table."""

STYLES = """
Screen { layout: vertical; overflow: hidden; background: ansi_default; color: ansi_default; }
#head { height: 2; }
#tabs { height: 1; }
#table { height: 1fr; }
#status { height: 1; }
#typed { height: 1; border: none; padding: 0; display: none; background: ansi_default; color: ansi_default; }
ModalScreen { align: center middle; background: ansi_default; }
Question { background: transparent; }
#panel { width: 100%; height: 100%; border: none; }
#panel-title { height: 1; text-style: bold reverse; }
#panel-body { height: 1fr; background: ansi_default; }
#question { width: 64; max-width: 100%; height: auto; border: ascii yellow; padding: 0 1; background: ansi_default; }
"""


class Live(App[None]):
    """One view at a time, of the newest picture. Asks the coordinator for nothing but its stream."""

    CSS = STYLES
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        follower: Follower,
        glyphs: Glyphs,
        *,
        read_only: bool = False,
        every_s: float = LOOK_S,
        view: str = "nodes",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True)
        self._follower = follower
        self._glyphs = glyphs
        self._read_only = read_only
        self._every_s = every_s
        self._clock = clock
        self._view: View = next(each for each in VIEWS if each.name == view)
        self._orders = {each.name: (each.order, each.backwards) for each in VIEWS}
        self._patterns = dict.fromkeys(self._orders, "")
        self._past: deque[float] = deque(maxlen=LONGEST_LINE)
        self._paused: tuple[dict[str, Any], float] | None = None
        self._wide = False
        self._told = ("", 0.0)
        self._table = FleetTable(glyphs)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """textual asks for it."""
        yield Lines(id="head")
        yield Lines(id="tabs")
        yield self._table
        yield Lines(id="status")
        yield Input(id="typed", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """Follows the coordinator from now on."""
        self._table.focus()
        self.follow()
        self._timer = self.set_interval(self._every_s, self.look)
        self.call_after_refresh(self.draw)

    @work(exclusive=True, group="follow")
    async def follow(self) -> None:
        """For ever."""
        await self._follower.run()

    def on_resize(self, _event: events.Resize) -> None:
        """Other columns may fit."""
        self.call_after_refresh(self.draw)

    def look(self) -> None:
        """A turn has passed."""
        if self._follower.picture is not None:
            trouble = self._follower.trouble
            self._past.append(0.0 if trouble else self._follower.picture["fleet"]["tokens_per_s"])
        if self.screen is self.screen_stack[0]:
            self.draw()

    # Drawing

    def seen(self) -> tuple[dict[str, Any], float] | None:
        """Picture and time that are shown; None: nothing has come yet."""
        if self._paused is not None:
            return self._paused
        picture = self._follower.picture
        return None if picture is None else (picture, self._follower.now())

    def draw(self) -> None:
        """All of it; widgets draw only what is different."""
        if not self._table.is_attached:
            return  # a last turn, while the screen is taken down
        seen = self.seen()
        width = self.size.width
        self.query_one("#head").display = self.size.height >= FOR_HEAD
        self.query_one("#tabs").display = self.size.height >= FOR_TABS
        if seen is None:
            self.query_one("#status", Lines).tell(
                [[(self._follower.trouble or "waiting for the fleet", "yellow")]]
            )
            return
        picture, now = seen
        fleet = picture["fleet"]
        title = title_line(
            *(fleet, self._follower.url, now, list(self._past), width, self._glyphs), unsafe_nodes(picture)
        )
        self.query_one("#head", Lines).tell([title, figures_line(fleet, alerts_of(picture), width)])
        order, backwards = self._orders[self._view.name]
        made = self._view.rows(picture, now, self._glyphs)
        rows = ordered(matching(made, self._patterns[self._view.name]), order, backwards=backwards)
        empty = "nothing matches the filter" if made else self._view.empty
        self._table.show(rows, self._view.columns, order, backwards=backwards, wide=self._wide, empty=empty)
        asked = self._asked(len(rows), len(made))
        self.query_one("#tabs", Lines).tell([tabs_line(picture, self._view.name, asked, width)])
        self.query_one("#status", Lines).tell([status_line(asked, width)])

    def _asked(self, shown: int, count: int) -> Asked:
        told, until = self._told
        return Asked(
            filter=self._patterns[self._view.name],
            shown=shown,
            count=count,
            paused=self._paused is not None,
            read_only=self._read_only,
            trouble=self._follower.trouble,
            silent_s=self._follower.silent_s(),
            told=told if self._clock() < until else "",
            view=self._view.name,
        )

    def tell(self, text: str) -> None:
        """For a while, at the bottom."""
        self._told = (text, self._clock() + TOLD_S)
        self.draw()

    # Moving

    def action_view(self, number: int) -> None:
        """0: the next one."""
        at = (VIEWS.index(self._view) + 1) % len(VIEWS) if number == 0 else number - 1
        self.show_view(VIEWS[at])

    def show_view(self, view: View) -> None:
        """Its cursor begins at the top."""
        if view is not self._view:
            self._view = view
            self._table.cursor, self._table.marked = "", set()
        self.draw()

    def action_go(self, rows: int) -> None:
        """The cursor."""
        self._table.go(rows)

    def action_page(self, pages: int) -> None:
        """The cursor, by as many rows as are seen."""
        self._table.go(pages * self._table.page())

    def action_aside(self, steps: int) -> None:
        """Only where the table is wider than the screen."""
        self._table.aside(steps)

    def action_mark(self) -> None:
        """For orders to several at once."""
        self._table.mark()

    def action_pause(self) -> None:
        """Stands still, or goes on with what is now."""
        self._paused = None if self._paused is not None else self.seen()
        self.draw()

    def action_wide(self) -> None:
        """All columns, or those that fit."""
        self._wide = not self._wide
        self.draw()

    def action_faster(self, step: int) -> None:
        """The next shorter or longer interval."""
        at = min(range(len(INTERVALS_S)), key=lambda each: abs(INTERVALS_S[each] - self._every_s))
        self.draw_every(INTERVALS_S[min(len(INTERVALS_S) - 1, max(0, at + step))])

    def draw_every(self, seconds: float) -> None:
        """From now on."""
        self._every_s = seconds
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(seconds, self.look)
        self.tell(f"drawn every {seconds:g} s")

    # Order

    def action_sort(self) -> None:
        """By the next column that is seen."""
        titles, order = self._table.titles, self._orders[self._view.name][0]
        at = titles.index(order) + 1 if order in titles else 0
        if titles:
            self.sort_by(titles[at % len(titles)])

    def action_backwards(self) -> None:
        """The other way round."""
        order, backwards = self._orders[self._view.name]
        self._orders[self._view.name] = (order, not backwards)
        self.draw()

    def sort_by(self, title: str) -> None:
        """Numbers from the highest, names from the first."""
        column = next(each for each in self._view.columns if each.title == title)
        self._orders[self._view.name] = (title, column.right)
        self.draw()

    def on_key(self, event: events.Key) -> None:
        """A capital letter orders by the next column that begins with it."""
        letter = event.character or ""
        if self.screen is not self.screen_stack[0] or not (letter.isalpha() and letter.isupper()):
            return
        order = self._orders[self._view.name][0]
        titles = [title for title in self._table.titles if title.startswith(letter)]
        if titles and letter not in "GS":
            self.sort_by(titles[(titles.index(order) + 1) % len(titles) if order in titles else 0])
