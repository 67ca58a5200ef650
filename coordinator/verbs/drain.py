"""`herd drain`, `herd cordon`, `herd uncordon`: a node is set aside, or taken back."""

import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

import click

from coordinator.verbs.connection import FAILED, OK, NoAnswer, ask, stranger
from coordinator.verbs.saying import rendered, say
from shared.durations import told

LOOK_EVERY_S = 0.5
AWAY_S = 60.0
"""How long a coordinator that does not answer any more is waited for: it may be restarting."""
INTERRUPTED = 130

Output = Literal["text", "json"]
Say = Callable[[str], None]


def set_aside(node: str, what: Literal["cordon", "uncordon"], *, url: str, output: Output) -> int:
    """Exit code. Raises NoAnswer."""
    answer = ask("POST", f"/fleet/nodes/{quote(node, safe='')}/{what}", {}, url=url)
    if answer["cordoned"] is not (what == "cordon"):
        raise stranger(url)
    _warn(answer)
    if output == "json":
        _print_json(answer)
    elif what == "cordon":
        say(f"{node} cordoned")
    else:
        say(f"{node} uncordoned")
        if answer["draining"]:
            _say(f"but it is {answer['state']}: {answer['reason']}")
    return OK


def drain(node: str, deadline_s: float | None, *, wait: bool, url: str, output: Output) -> int:
    """Exit code: 0 once nothing runs there, 1 where the deadline cut calls. Raises NoAnswer."""
    order = {} if deadline_s is None else {"deadline_s": deadline_s}
    answer = ask("POST", f"/fleet/nodes/{quote(node, safe='')}/drain", order, url=url)
    if "drain" not in answer:
        raise stranger(url)
    _warn(answer)
    try:
        if wait:
            answer = _watched(node, answer, url)
    except KeyboardInterrupt:
        _say(f"the drain of {node} goes on; herd uncordon {node} ends it")
        return INTERRUPTED
    if output == "json":
        _print_json(answer)
    return _concluded(node, answer, told_in_json=output == "json")


def _watched(node: str, answer: dict[str, Any], url: str) -> dict[str, Any]:
    """Until nothing runs there, telling how many do. The answer of the last look."""
    shown, away_since = "", None
    while answer["requests_active"] and answer["drain"]:
        left = told(answer["drain"]["seconds_left"])
        running = _calls(answer["requests_active"])
        if running != shown:
            _say(f"{running} running on {node} ({left} left)")
            shown = running
        time.sleep(LOOK_EVERY_S)
        try:
            answer, away_since = ask("GET", f"/fleet/nodes/{quote(node, safe='')}", url=url), None
        except NoAnswer as error:
            now = time.monotonic()
            if away_since is None:
                _say(f"{error}; still trying")
            away_since = now if away_since is None else away_since
            if error.reached or now - away_since > AWAY_S:
                raise
    return answer


def _concluded(node: str, answer: dict[str, Any], *, told_in_json: bool) -> int:
    state = answer.get("drain")
    if state is None:
        _say(f"somebody took {node} back meanwhile")
        return FAILED
    if cut := state["cut"]:
        _say(f"the deadline passed on {node}: {_calls(cut)} cut")
        return FAILED
    if not told_in_json:
        say(
            f"{node} drained"
            if answer["drained"]
            else f"{node} draining, {_calls(answer['requests_active'])} running"
        )
    return OK


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _warn(answer: dict[str, Any]) -> None:
    if answer["unkept"]:
        _say(f"warning: the order {answer['unkept']}")


def _say(text: str) -> None:
    say(text, err=True)


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(rendered(answer, "json", whole=False))
