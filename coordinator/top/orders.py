"""What a person orders or asks from the view: which address, which words. Pure but for `carried_out`."""

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from coordinator.verbs.connection import NoAnswer, ask
from coordinator.verbs.describe import engine_events
from coordinator.verbs.logs import log_line
from shared.printable import printable

LOG_LINES = 200


class Order(NamedTuple):
    """A POST that changes something. `question` is asked first; `done` is told afterwards."""

    path: str
    question: str
    done: str


def cordon(node_id: str, *, cordoned: bool) -> Order:
    """Sets a node aside, or takes it back where it was."""
    if cordoned:
        return Order(
            _path(node_id, "uncordon"), f"Uncordon {node_id}: it takes calls again?", f"{node_id} uncordoned"
        )
    question = f"Cordon {node_id}: no new calls there, running ones take their time?"
    return Order(_path(node_id, "cordon"), question, f"{node_id} cordoned")


def drain(node_id: str, running: int) -> Order:
    """No new calls, and an end to those that run."""
    question = (
        f"Drain {node_id}: no new calls; {running} running there may finish until the coordinator's deadline?"
    )
    return Order(_path(node_id, "drain"), question, f"{node_id} drains; u takes it back")


def cancel(request_id: str) -> Order:
    """Ends a call."""
    path = f"/fleet/requests/{quote(request_id, safe='')}/cancel"
    return Order(path, f"End request {request_id}? Its caller gets an error.", f"{request_id} ended")


def carried_out(orders: list[Order], url: str) -> str:
    """What became of them, in one line. Waits for the coordinator."""
    told = []
    for order in orders:
        try:
            answer = ask("POST", order.path, {}, url=url)
            unkept = answer.get("unkept") if isinstance(answer, dict) else ""
            told.append(order.done + (f" ({unkept})" if unkept else ""))
        except NoAnswer as error:
            told.append(f"not done: {error}")
    return "; ".join(told)


def explanation(request_id: str, url: str) -> dict[str, Any]:
    """Of a call that waits, runs or ended. Raises NoAnswer."""
    told: dict[str, Any] = ask("GET", f"/fleet/explain/{quote(request_id, safe='')}", url=url)
    return told


def log_lines(about: dict[str, str], url: str) -> list[str]:
    """The newest of the coordinator's log about a node or a request. Raises NoAnswer."""
    told = ask("GET", f"/fleet/logs?{urlencode(about | {'lines': LOG_LINES})}", url=url)
    lines = told.get("lines", []) if isinstance(told, dict) else []
    return [line for each in lines if isinstance(each, dict) for line in log_line(each).splitlines()]


def engine_words(node_id: str, url: str) -> list[str]:
    """What happened to a node's engines, and what they said last. Raises NoAnswer."""
    told = ask("GET", f"/fleet/nodes/{quote(node_id, safe='')}", url=url)
    return [printable(line) for line in engine_events(told)] if isinstance(told, dict) else []


def _path(node_id: str, what: str) -> str:
    return f"/fleet/nodes/{quote(node_id, safe='')}/{what}"
