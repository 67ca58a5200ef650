"""The command `herd demo`."""

import sys

import click


@click.command()
@click.option(
    "--port", type=int, default=11435, show_default=True, help="Port of the coordinator; 0: a free one."
)
@click.option("--nodes", type=click.IntRange(1, 16), default=2, show_default=True, help="Agents to start.")
@click.option("--once", is_flag=True, help="End after the first answer; exit 0 only if it came.")
@click.option(
    "--data-dir", default="~/.fleet-manager/demo", show_default=True, help="Where the demo keeps its data."
)
def demo(*, port: int, nodes: int, once: bool, data_dir: str) -> None:
    """A coordinator and some agents on this machine, and one answer from a real engine.

    \b
    herd demo
    herd demo --once --port 0
    """
    from coordinator.demo import run_demo

    sys.exit(run_demo(port=port, nodes=nodes, once=once, data_dir=data_dir))
