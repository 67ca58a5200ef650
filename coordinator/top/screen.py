"""The screen of `herd top` as it is used: what keys do."""

import asyncio
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from textual import work
from textual.binding import Binding
from textual.widgets import Input

from coordinator.top import orders
from coordinator.top.browser import opened
from coordinator.top.details import model_lines, node_lines, request_lines, safe
from coordinator.top.live import Live
from coordinator.top.panels import KEYS, Panel, Question
from coordinator.top.typed import command
from coordinator.top.views import VIEWS
from coordinator.top.widgets import FleetTable
from coordinator.verbs.connection import NoAnswer
from coordinator.verbs.explain_view import call_lines
from shared.printable import printable

LAST_LINES = 10
"""Of the log, and of what its engines said, in the panel of a node."""


class Top(Live):
    """Orders are asked about first; with `read_only` there are none."""

    BINDINGS = [  # noqa: RUF012 - textual's way
        *(Binding(str(number), f"view({number})") for number in range(1, len(VIEWS) + 1)),
        Binding("tab", "view(0)", priority=True),
        Binding("j,down", "go(1)"),
        Binding("k,up", "go(-1)"),
        Binding("g,home", "go(-1000000)"),
        Binding("G,end", "go(1000000)"),
        Binding("pagedown", "page(1)"),
        Binding("pageup", "page(-1)"),
        Binding("right", "aside(1)"),
        Binding("left", "aside(-1)"),
        Binding("space", "mark"),
        Binding("enter,d", "describe"),
        Binding("e", "explain"),
        Binding("l", "logs"),
        Binding("u", "cordon"),
        Binding("r", "drain"),
        Binding("ctrl+k", "cancel"),
        Binding("p", "pause"),
        Binding("plus,equals_sign", "faster(-1)"),
        Binding("minus", "faster(1)"),
        Binding("s", "sort"),
        Binding("S", "backwards"),
        Binding("w", "wide"),
        Binding("o", "page_in_browser"),
        Binding("slash", "type('/')"),
        Binding("colon", "type(':')"),
        Binding("question_mark", "keys"),
        Binding("escape", "clear"),
        Binding("q", "quit"),
        Binding("ctrl+c", "quit", priority=True),
    ]

    # Typing

    def action_type(self, kind: str) -> None:
        """A filter or a command."""
        typed = self.query_one("#typed", Input)
        typed.value = kind + (self._patterns[self._view.name] if kind == "/" else "")
        typed.styles.display, self.query_one("#status").styles.display = "block", "none"
        typed.focus()
        typed.cursor_position = len(typed.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A filter works while it is typed; without its first letter it is over."""
        if event.value.startswith("/"):
            self._patterns[self._view.name] = event.value[1:]
            self.draw()
        elif not event.value:
            self.typed_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return was pressed."""
        self.typed_all()
        if event.value.startswith(":"):
            self.do(event.value[1:])

    def typed_all(self) -> None:
        """The line is the status again."""
        typed = self.query_one("#typed", Input)
        typed.styles.display, self.query_one("#status").styles.display = "none", "block"
        self._table.focus()

    def action_clear(self) -> None:
        """Ends typing, else the filter, else the marks."""
        typed = self.query_one("#typed", Input)
        if typed.has_focus:
            if typed.value.startswith("/"):
                self._patterns[self._view.name] = ""
            self.typed_all()
        else:
            self._patterns[self._view.name] = ""
            self._table.marked = set()
        self.draw()

    def do(self, typed: str) -> None:
        """What was typed after the colon."""
        found = command(typed, self._view)
        if found.view:
            self.show_view(next(view for view in VIEWS if view.name == found.view))
        elif found.sort:
            self.sort_by(found.sort)
        elif found.every_s:
            self.draw_every(found.every_s)
        elif found.leave:
            self.exit()
        elif found.keys:
            self.action_keys()
        elif found.wrong:
            self.tell(found.wrong)

    # Panels

    def action_keys(self) -> None:
        """What keys there are."""
        self.push_screen(Panel("Keys", lambda: Text(KEYS), live=False))

    def on_fleet_table_opened(self, _event: FleetTable.Opened) -> None:
        """A row was clicked twice."""
        self.action_describe()

    def action_describe(self) -> None:
        """What is known of the row of the cursor."""
        key = self._table.cursor
        if not key:
            return
        if self._view.name == "requests":
            self.action_explain()
        elif self._view.name == "events":
            self._describe_event(key)
        elif self._view.name == "nodes":
            self._describe_node(key)
        else:
            self._live_panel(f"Model {key}", lambda seen: model_lines(seen[0], key, seen[1]))

    def _live_panel(self, title: str, lines: Any) -> None:
        def content() -> RenderableType:
            seen = self.seen()
            return Text("\n".join(safe(lines(seen))) if seen else "")

        self.push_screen(Panel(printable(title), content))

    def _describe_event(self, key: str) -> None:
        seen = self.seen()
        found = [each for each in seen[0]["events"] if str(each["seq"]) == key] if seen else []
        if found and found[0]["node_id"]:
            self._describe_node(found[0]["node_id"])

    def _describe_node(self, node_id: str) -> None:
        more: list[str] = []
        self._live_panel(
            f"Node {node_id}",
            lambda seen: (*node_lines(seen[0], node_id, seen[1], self._glyphs), "", *more),
        )
        self._last_lines(node_id, more)

    @work(exclusive=True, group="log")
    async def _last_lines(self, node_id: str, more: list[str]) -> None:
        """Into the panel that is open, at its next turn."""
        url = self._follower.url
        try:
            words = await asyncio.to_thread(orders.engine_words, node_id, url)
            told = await asyncio.to_thread(orders.log_lines, {"node_id": node_id}, url)
        except NoAnswer as error:
            more += ["LOG", f"  {error}"]
            return
        if words:
            more += ["LAST WORDS OF ITS ENGINES", *words[-LAST_LINES:], ""]
        more += ["LOG", *(f"  {each}" for each in told[-LAST_LINES:] or ["nothing of it is in the log"])]

    def action_explain(self) -> None:
        """Why a request went where it went: the seven signals, and who lost."""
        if self._view.name == "requests" and self._table.cursor:
            self._explain(self._table.cursor)

    @work(exclusive=True, group="ask")
    async def _explain(self, request_id: str) -> None:
        try:
            told = await asyncio.to_thread(orders.explanation, request_id, self._follower.url)
            why: list[RenderableType] = list(call_lines(told))
        except NoAnswer as error:
            why = [Text(f"no explanation: {error}")]

        def content() -> RenderableType:
            seen = self.seen()
            now = "\n".join(safe(request_lines(seen[0], request_id, seen[1]))) if seen else ""
            return Group(Text(now), "", *why)

        self.push_screen(Panel(printable(f"Request {request_id}"), content))

    def action_logs(self) -> None:
        """The last lines of the log about the row of the cursor."""
        key = self._table.cursor
        about = {"nodes": "node_id", "requests": "request_id"}.get(self._view.name)
        if key and about:
            self._logs({about: key})

    @work(exclusive=True, group="ask")
    async def _logs(self, about: dict[str, str]) -> None:
        try:
            lines = await asyncio.to_thread(orders.log_lines, about, self._follower.url)
            text = "\n".join(safe(iter(lines))) or "nothing of it is in the log"
        except NoAnswer as error:
            text = f"no log: {error}"
        self.push_screen(
            Panel(printable(f"Log of {next(iter(about.values()))}"), lambda: Text(text), live=False)
        )

    def action_page_in_browser(self) -> None:
        """The dashboard; without a desktop its address is all there is."""
        address = f"{self._follower.url}/dashboard"
        self.tell(address)
        self.run_worker(asyncio.to_thread(opened, address), group="browser")

    # Orders

    def action_cordon(self) -> None:
        """The chosen nodes, each the other way round."""
        seen = self.seen()
        if seen and self._view.name == "nodes":
            nodes = seen[0]["nodes"]
            chosen = [key for key in self._table.chosen() if key in nodes]
            self._order([orders.cordon(key, cordoned=nodes[key]["cordoned"]) for key in chosen])

    def action_drain(self) -> None:
        """The chosen nodes."""
        seen = self.seen()
        if seen and self._view.name == "nodes":
            nodes = seen[0]["nodes"]
            chosen = [key for key in self._table.chosen() if key in nodes]
            self._order([orders.drain(key, nodes[key]["requests_active"]) for key in chosen])

    def action_cancel(self) -> None:
        """The chosen requests."""
        if self._view.name == "requests":
            self._order([orders.cancel(key) for key in self._table.chosen()])

    def _order(self, wanted: list[orders.Order]) -> None:
        if not wanted:
            return
        if self._read_only:
            self.tell("read only: no orders from here")
            return
        question = "\n".join(printable(each.question) for each in wanted)

        def answered(yes: bool | None) -> None:
            if yes:
                self._carry_out(wanted)

        self.push_screen(Question(question), answered)

    @work(group="orders")
    async def _carry_out(self, wanted: list[orders.Order]) -> None:
        told = await asyncio.to_thread(orders.carried_out, wanted, self._follower.url)
        self._table.marked = set()
        self.tell(printable(told))
