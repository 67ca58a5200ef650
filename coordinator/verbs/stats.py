"""`herd stats`: what the machines are busy with, and what they served."""

from typing import Any

import click

from coordinator.verbs.telling import Telling, View, reads

MOST_DAYS = 3_650


@click.command()
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=1, show_default=True, help="Of calls.")
@click.option("--by-key", is_flag=True, help="What callers' keys used, a row a key, in place of the nodes.")
@reads
def stats(*, days: int, by_key: bool, telling: Telling) -> None:
    """How busy each node is now, and what it served of late; the last line is the fleet.

    \b
    herd stats
    herd stats -w                again whenever it changes
    herd stats --days 30 -o json
    herd stats --days 30 --by-key
    """
    from coordinator.verbs.connection import ask
    from coordinator.verbs.stats_view import key_names, keys_table, stat_names, stats_of, stats_table

    def fetch(url: str) -> dict[str, Any]:
        usage = ask("GET", f"/dashboard/api/usage?days={days}", url=url)
        queue = ask("GET", "/fleet/queue", url=url)
        told = stats_of(ask("GET", "/fleet/status", url=url), queue, usage["data"], days)
        return told | {"keys": usage.get("keys", [])}

    telling.show(fetch, View(keys_table, key_names) if by_key else View(stats_table, stat_names))
