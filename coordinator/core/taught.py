"""What the Desk is told of earlier calls, and of what engines counted: figures, not events."""

from coordinator.core.fleet import Fleet
from coordinator.core.lessons import Lessons, gathered, recall
from shared.names import ModelName, NodeId


class Taught:
    """A part of the Desk."""

    fleet: Fleet

    def remember(self, node_id: NodeId, model: ModelName, seconds: list[float]) -> None:
        """How long calls for `model` took on `node_id` before this start, oldest first."""
        for each in seconds:
            self.fleet.latencies.add(node_id, model, each)

    def remember_use(self, model: ModelName, at: float, calls: int) -> None:
        """How often `model` answered before this start; `at` on the Desk's clock, before zero for most."""
        self.fleet.usage.add(model, at, calls)

    def lessons(self) -> Lessons:
        """What was learned of nodes and answers, to be kept."""
        return gathered(self.fleet)

    def recall(self, lessons: Lessons) -> None:
        """What was learned before this start."""
        recall(self.fleet, lessons)

    def counted(self, model: ModelName, chars: int, prompt_tokens: int | None) -> None:
        """An engine counted the tokens of a prompt of so many characters."""
        self.fleet.densities.add(model, chars, prompt_tokens)
