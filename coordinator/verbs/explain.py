"""`herd explain`: why a call went where it went, where one would go, and what other weights would have done."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coordinator.verbs.telling import Name, ended, rendered, say, url_option

if TYPE_CHECKING:
    from coordinator.core.explanation import Explanation

LAST = 1_000
PAGE = 1_000
"""Decisions of one answer."""
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


@click.command()
@click.argument("request_id", type=Name(), required=False)
@click.option("--model", type=Name(), help="Ask where a call for this model would go; nothing is placed.")
@click.option("--prompt", help="With --model: what the chat would say.")
@click.option(
    "--body", metavar="FILE", help="Ask with the JSON of a whole call, of either API; - is standard input."
)
@click.option("--replay", is_flag=True, help="Take the stored decisions again, with other weights.")
@click.option("--weights", metavar="NAME=N,...", default="", help="With --replay: thermal=40,queue_depth=60")
@click.option(
    "--last", type=click.IntRange(1), help=f"With --replay: so many.  [default: {LAST}, or --since]"
)
@click.option("--since", metavar="AGE", help="With --replay: not older than 30m, 24h, 7d.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="How it is told.")
@url_option
def explain(
    request_id: str | None,
    *,
    model: str | None,
    prompt: str | None,
    body: str | None,
    replay: bool,
    weights: str,
    last: int | None,
    since: str | None,
    output: str,
    url: str,
) -> None:
    """Why a call went where it went.

    \b
    herd explain 0190c7e2-...            of an answer's X-Request-Id
    herd explain --model llama3.2        where a call would go now
    herd explain --replay --weights thermal=40,queue_depth=60 --since 24h

    Exit codes: 0 told, 1 failed, 2 wrong usage, 3 no such call.
    """
    ways = [request_id is not None, model is not None or body is not None, replay]
    if sum(ways) != 1:
        raise click.UsageError("say one of: a REQUEST_ID; --model or --body; --replay")
    if not replay and (weights or last or since):
        raise click.UsageError("--weights, --last and --since belong to --replay")
    if prompt is not None and (model is None or body is not None):
        raise click.UsageError("--prompt belongs to --model, without --body")
    as_json = output == "json"
    if replay:
        asked = _weights(weights)
        age_s = _age(since) if since else None
        ended(lambda: _show_replay(asked, last, age_s, url, as_json=as_json), url)
    elif request_id is not None:
        ended(lambda: _show_call(request_id, url, as_json=as_json), url)
    else:
        call = _body(model, prompt, body)
        ended(lambda: _show_answer(call, url, as_json=as_json), url)


def _show_call(request_id: str, url: str, *, as_json: bool) -> None:
    from urllib.parse import quote

    from coordinator.verbs.connection import ask

    told = ask("GET", f"/fleet/explain/{quote(request_id, safe='')}", url=url)
    show_decision(told, as_json=as_json)


def _show_answer(call: dict[str, Any], url: str, *, as_json: bool) -> None:
    from coordinator.verbs.connection import ask

    show_decision(ask("POST", "/fleet/explain", call, url=url), as_json=as_json)


def show_decision(told: dict[str, Any], *, as_json: bool) -> None:
    """Of one call."""
    from coordinator.verbs.explain_view import call_lines

    lines = list(call_lines(told))
    if as_json:
        click.echo(rendered(told, "json"))
    else:
        draw(lines)


def _show_replay(
    weights: Mapping[str, float], last: int | None, age_s: float | None, url: str, *, as_json: bool
) -> None:
    from coordinator.core.replay import replay
    from coordinator.verbs.explain_view import replay_lines

    replayed = replay(decisions(last or (None if age_s else LAST), age_s, url), weights)
    if not (replayed.looked_at or replayed.skipped):
        say("herd: no decision of that time is stored", err=True)
    if as_json:
        click.echo(rendered(replayed, "json"))
    else:
        draw(replay_lines(replayed, weights))


def decisions(most: int | None, age_s: float | None, url: str) -> "Iterator[Explanation]":
    """Those that are stored, newest first, read page by page; the coordinator's clock is taken to be ours.

    `most` of them, or all; none older than `age_s`. Raises NoAnswer.
    """
    import time

    import msgspec

    from coordinator.core.explanation import Explanation
    from coordinator.verbs.connection import ask

    since = 0.0 if age_s is None else max(0.0, time.time() - age_s)
    before, left = None, most
    while left is None or left > 0:
        limit = PAGE if left is None else min(PAGE, left)
        path = f"/fleet/decisions?limit={limit}&since={since}" + (f"&before={int(before)}" if before else "")
        page = ask("GET", path, url=url)
        for each in page["decisions"]:
            yield msgspec.convert(each["decision"], Explanation)
        left = None if left is None else left - limit
        before = page["before"]
        if before is None:
            return


def draw(lines: Any) -> None:
    """No colour where nobody would see it; rich knows terminals and NO_COLOR."""
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as drawn:
        for line in lines:
            console.print(line)
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())  # rich fills columns up with spaces


def _weights(text: str) -> dict[str, float]:
    """`thermal=40,queue_depth=60`. Raises click.UsageError."""
    import math

    from coordinator.core.signals import SIGNALS
    from coordinator.verbs.explain_view import FURTHER
    from shared.names import near

    known = [*(name for name, _ in SIGNALS), *FURTHER]
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, number = part.partition("=")
        if name not in known:
            hint = f"; near: {', '.join(near(name, known))}" if near(name, known) else ""
            raise click.UsageError(f"--weights: no signal is called {name!r}{hint}")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = math.nan
        if not 0 <= found[name] < math.inf:
            raise click.UsageError(f"--weights: {name} wants a number from 0 on, as in {name}=40")
    return found


def _age(text: str) -> float:
    """Seconds of `30m`. Raises click.UsageError."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS_S or not (number.isascii() and number.isdecimal() and 0 < len(number) < 7):
        raise click.UsageError("--since: a number and its unit, as in 30m, 24h or 7d")
    return int(number) * UNITS_S[unit]


def _body(model: str | None, prompt: str | None, file: str | None) -> dict[str, Any]:
    """The call that is asked about. Raises click.UsageError."""
    import msgspec

    if file is None:
        return {"model": model, "messages": [{"role": "user", "content": prompt}] if prompt else []}
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        call = msgspec.json.decode(text, type=dict[str, Any])
    except OSError as error:
        raise click.UsageError(f"--body: {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise click.UsageError(f"--body: {file} is not the JSON of a call: {error}") from error
    return call | ({"model": model} if model else {})
