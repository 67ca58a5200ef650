"""`herd stats`: what the machines are busy with, and what they served."""

from typing import Any

import click

from coordinator.verbs.telling import Telling, View, reads

MOST_DAYS = 3_650


@click.command()
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=1, show_default=True, help="Of calls.")
@reads
def stats(*, days: int, telling: Telling) -> None:
    """How busy each node is now, and what it served of late; the last line is the fleet.

    \b
    herd stats
    herd stats -w                again whenever it changes
    herd stats --days 30 -o json
    """
    from coordinator.verbs.connection import ask
    from coordinator.verbs.stats_view import stat_names, stats_of, stats_table

    def fetch(url: str) -> dict[str, Any]:
        usage = ask("GET", f"/dashboard/api/usage?days={days}", url=url)["data"]
        queue = ask("GET", "/fleet/queue", url=url)
        return stats_of(ask("GET", "/fleet/status", url=url), queue, usage, days)

    telling.show(fetch, View(stats_table, stat_names))
