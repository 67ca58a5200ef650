"""A machine that counts: after each token comes the next number. It tells when it is used wrongly."""

from agent.workers.torch_engines.asked import Asked, Sampling
from agent.workers.torch_engines.calls import Call
from agent.workers.torch_engines.said import Said


def call(
    prompt: list[int], most: int = 3, ends: frozenset[int] = frozenset(), stops: tuple[str, ...] = ()
) -> Call:
    """Its text is its numbers."""
    asked = Asked(None, prompt, False, False, most, stops, Sampling())
    said = Said(lambda tokens: "".join(f"{token} " for token in tokens), stops)
    return Call(asked, prompt, most, said, ends, "m")


class Counting:
    """Logits are the next token itself."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.reading: list[int] = []
        self.log: list[str] = []

    def prefill(self, tokens: list[int]) -> list[int]:
        """Reads on."""
        self.reading += tokens
        self.log.append(f"read {len(tokens)}")
        return [tokens[-1] + 1]

    def join(self) -> None:
        """The last token that was read is followed by the next."""
        self.rows.append(self.reading[-1] + 1)
        self.reading = []
        self.log.append("join")

    def drop(self) -> None:
        """Forgets what was read."""
        self.reading = []
        self.log.append("drop")

    def step(self, tokens: list[int]) -> list[int]:
        """Each row's token must be the one that was chosen for it."""
        assert tokens == self.rows
        self.rows = [token + 1 for token in tokens]
        self.log.append(f"step {len(tokens)}")
        return self.rows.copy()

    def keep(self, rows: list[int]) -> None:
        """The others leave."""
        self.rows = [self.rows[row] for row in rows]
        self.log.append(f"keep {rows}")
