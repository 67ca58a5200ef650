"""`herd swap MODEL`: the newest version of a model, or of its file, takes the old one's place on its nodes."""

import time
from typing import Any, Literal
from urllib.parse import quote

import click

from coordinator.verbs.connection import FAILED, OK, NoAnswer, ask
from coordinator.verbs.saying import rendered, say

LOOK_EVERY_S = 0.5
AWAY_S = 60.0
"""How long a coordinator that does not answer any more is waited for: it may be restarting."""
INTERRUPTED = 130
STATE_FAILED = "failed"

Output = Literal["text", "json"]


def swap(model: str, node: str | None, *, wait: bool, url: str, output: Output) -> int:
    """Exit code: 0 where every node has the newest version, 1 where one has not. Raises NoAnswer."""
    order = {"model": model} | ({} if node is None else {"node_id": node})
    told = ask("POST", "/fleet/swap", order, url=url)
    try:
        if wait:
            told = _watched(told, url)
    except KeyboardInterrupt:
        _say(f"the swap of {model} goes on; herd describe node tells what comes of it")
        return INTERRUPTED
    if output == "json":
        click.echo(rendered(told, "json", whole=False))
    else:
        _conclude(told, over=told["over"])
    return FAILED if any(each["state"] == STATE_FAILED for each in told["nodes"]) else OK


def _watched(told: dict[str, Any], url: str) -> dict[str, Any]:
    """Until it is over, telling each change. The last answer."""
    shown: dict[str, str] = {}
    away_since = None
    while not told["over"]:
        time.sleep(LOOK_EVERY_S)
        try:
            told, away_since = ask("GET", f"/fleet/swap/{quote(told['order'], safe='')}", url=url), None
        except NoAnswer as error:
            now = time.monotonic()
            if away_since is None and not error.reached:
                _say(f"{error}; still trying")
            away_since = now if away_since is None else away_since
            if error.reached or now - away_since > AWAY_S:
                raise
            continue
        if told["over"]:
            break
        for each in told["nodes"]:
            line = ": ".join(word for word in (each["node_id"], each["state"], each["told"]) if word)
            if each["told"] and shown.get(each["node_id"]) != line:
                shown[each["node_id"]] = line
                _say(line)
    return told


def _conclude(told: dict[str, Any], *, over: bool) -> None:
    if not over:
        nodes = ", ".join(each["node_id"] for each in told["nodes"])
        say(f"{told['model']} is swapped on {nodes}")
        return
    for each in told["nodes"]:
        line = f"{each['node_id']} {each['state']}: {each['told']}"
        say(line, err=each["state"] == STATE_FAILED)


def _say(text: str) -> None:
    say(text, err=True)
