"""The seven signals of a place in seconds, as a value, and what was known of the place."""

from operator import attrgetter

from msgspec import Struct


class Learned(Struct, frozen=True):
    """What a place is expected to do, alone, for any call: measured, else from what its machine claims."""

    prompt_tokens_per_s: float
    answer_tokens_per_s: float
    answers_measured: int
    """Newest ones behind that; 0: nothing but a claim, corrected by what was measured of the node's other models."""
    crowding: float
    """Part by which each call beside it makes one longer."""
    load_s: float
    """To load the model, were it not in memory."""


class Predicted(Struct, frozen=True, gc=False):
    """Seconds."""

    wait: float
    load: float
    evict: float
    prefill: float
    decode: float
    harm: float
    owner: float
    answer_tokens: float = 0.0
    """That were expected."""
    learned: Learned | None = None
    """What it was made from."""

    @property
    def total(self) -> float:
        """What placing it there costs everybody: its own time, and what it takes from others."""
        return self.wait + self.load + self.evict + self.prefill + self.decode + self.harm + self.owner

    @property
    def predicted(self) -> "Predicted":
        """Itself: some are worked out only when they are asked for."""
        return self

    def shown(self) -> dict[str, float]:
        """The seconds by name, and their `total`."""
        return dict(zip(PARTS, _parts(self), strict=True), total=self.total)

    def ground(self) -> dict[str, float]:
        """By name: what was learned of the place, and how long an answer was expected."""
        if self.learned is None:
            return {}
        told = map(float, (_ROUNDED % _figures(self.learned)).split())  # at once: half the time of one by one
        return dict(zip(_FIGURES, told, strict=True), expected_answer_tokens=round(self.answer_tokens, 1))


PARTS = ("wait", "load", "evict", "prefill", "decode", "harm", "owner")
_FIGURES = Learned.__struct_fields__
_ROUNDED = "%.4g " * len(_FIGURES)
_parts, _figures = attrgetter(*PARTS), attrgetter(*_FIGURES)
