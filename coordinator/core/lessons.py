"""What was learned of nodes and answers, as a value that outlives the process."""

from msgspec import Struct

from coordinator.core.fleet import Fleet
from coordinator.core.learned import UNKNOWN, Figure, Kept
from coordinator.core.paces import NodePaces
from shared.names import ModelName, NodeId


class NodeLessons(Struct, frozen=True, omit_defaults=True):
    """Of one node. Figures with the number of samples behind each."""

    writing: dict[ModelName, Kept] = {}
    """Seconds for a token of an answer, alone."""
    reading: dict[ModelName, Kept] = {}
    """Seconds for a token of a prompt, alone."""
    writing_over_claim: Kept = UNKNOWN
    reading_over_claim: Kept = UNKNOWN
    crowding: Kept = UNKNOWN
    load_rate: Kept = UNKNOWN
    """Bytes per second."""


class Lessons(Struct, frozen=True):
    """Of the fleet. `lengths`: tokens of an answer by model and tags."""

    nodes: dict[NodeId, NodeLessons] = {}
    lengths: list[tuple[tuple[str, ...], Kept]] = []


def gathered(fleet: Fleet) -> Lessons:
    """What is known now."""
    nodes = {}
    known, loads = fleet.paces.nodes(), fleet.loads
    for node_id in sorted({*known, *loads.nodes()}):
        paces = known.get(node_id, NodePaces())
        nodes[node_id] = NodeLessons(
            writing={model: figure.kept() for model, figure in paces.writing.items()},
            reading={model: figure.kept() for model, figure in paces.reading.items()},
            writing_over_claim=paces.writing_over_claim.kept(),
            reading_over_claim=paces.reading_over_claim.kept(),
            crowding=paces.crowding.kept(),
            load_rate=loads.kept(node_id),
        )
    return Lessons(nodes, fleet.lengths.kept())


def recall(fleet: Fleet, lessons: Lessons) -> None:
    """As it was kept. For a fleet that has learned nothing yet."""
    for node_id, told in lessons.nodes.items():
        paces = NodePaces()
        paces.writing = {model: Figure.recalled(kept) for model, kept in told.writing.items()}
        paces.reading = {model: Figure.recalled(kept) for model, kept in told.reading.items()}
        paces.writing_over_claim = Figure.recalled(told.writing_over_claim)
        paces.reading_over_claim = Figure.recalled(told.reading_over_claim)
        paces.crowding = Figure.recalled(told.crowding)
        fleet.paces.recall(node_id, paces)
        fleet.loads.recall(node_id, told.load_rate)
        if node := fleet.nodes.get(node_id):
            fleet.touch(node)
    fleet.lengths.recall(lessons.lengths)
