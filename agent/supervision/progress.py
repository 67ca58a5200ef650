"""The calls that are open at one engine and when one of them last moved: told by who carries them."""


class Progress:
    """Counts; the clock is the teller's, monotonic, in seconds."""

    def __init__(self) -> None:
        self.open = 0
        self.moved_at = 0.0

    def began(self, now: float) -> None:
        """A call was sent to the engine."""
        self.open += 1
        self.moved_at = now

    def moved(self, now: float) -> None:
        """A byte of an answer came."""
        self.moved_at = now

    def ended(self, now: float) -> None:
        """A call ended, well or not."""
        self.open = max(0, self.open - 1)
        self.moved_at = now
