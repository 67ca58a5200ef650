"""A candidate and its points: what a policy gives back."""

from msgspec import Struct

from coordinator.core.candidate import Candidate


class Scored(Struct, frozen=True):
    """A candidate with its points by signal, and `total`."""

    candidate: Candidate
    scores: dict[str, float]

    @property
    def total(self) -> float:
        """The sum of the seven."""
        return self.scores["total"]
