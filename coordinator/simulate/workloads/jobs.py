"""A call before anybody has placed it: what a workload is made of."""

import math
from collections.abc import Iterable, Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from coordinator.simulate.caches import Blocks
from coordinator.simulate.fleets import App, FleetSpec, ModelSpec

CLIENTS = 8
CLIENT_SHARES = [1 / rank for rank in range(1, CLIENTS + 1)]
"""Of the calls: a few clients send most of them."""
LENGTH_SPREAD = 0.8
"""Of the logarithm of a length around its app's."""
MOST_TOKENS = 10_000_000
GUESS = (0.8, 1.25)
"""A prompt is estimated from its characters: the true number of tokens times a factor between these."""


class Job(Struct, frozen=True, kw_only=True):
    """Times in seconds, lengths in tokens."""

    at: float
    """When it arrives; where it follows another, so long after that one's end."""
    model: str
    prompt: int
    answer: int
    estimated: int
    """Of the prompt, as a coordinator estimates it."""
    follows: int | None = None
    """Its place in the workload: the call that must have ended before."""
    blocks: Blocks = ()
    """Of its prompt; where two calls begin with the same, the later one may find it cached."""
    session: str = ""
    continues: bool = False
    prefix: str = ""
    client: str = ""
    app: str = ""


def check(at: float, prompt: int, answer: int) -> None:
    """Of a file's line. Raises ValueError for what no call can have."""
    if not math.isfinite(at):
        raise ValueError(f"{at} is no time")
    if not (0 <= prompt <= MOST_TOKENS and 0 <= answer <= MOST_TOKENS):
        raise ValueError(f"{prompt} and {answer} tokens; each is 0 to {MOST_TOKENS}")


class Mix:
    """Draws models, apps, lengths and clients as a fleet file shares them out."""

    def __init__(self, fleet: FleetSpec, chance: Random) -> None:
        self._chance = chance
        self._models = fleet.model
        self._shares = [model.share for model in fleet.model]
        self._lengths = {
            (model.name, app.name): chance.uniform(*fleet.spread)
            for model in fleet.model
            for app in model.apps
        }
        """Answers are longer or shorter than the file says."""

    def model(self) -> ModelSpec:
        """By the share of the calls."""
        return self._chance.choices(self._models, self._shares)[0]

    def app(self, model: ModelSpec) -> App:
        """By the share of the model's calls."""
        return self._chance.choices(model.apps, [app.share for app in model.apps])[0]

    def client(self) -> str:
        """By a share of its own."""
        return f"client-{self._chance.choices(range(1, CLIENTS + 1), CLIENT_SHARES)[0]}"

    def call(self, at: float) -> Job:
        """One that stands alone."""
        model = self.model()
        app = self.app(model)
        prompt = min(self.length(app.prompt), model.max_context // 2)
        return Job(
            at=at,
            model=model.name,
            prompt=prompt,
            answer=self.answer(model, app),
            estimated=self.guess(prompt),
            client=self.client(),
            app=app.name,
        )

    def answer(self, model: ModelSpec, app: App) -> int:
        """Tokens of an answer to a call of that app."""
        return min(self.length(app.answer * self._lengths[model.name, app.name]), model.max_context // 4)

    def length(self, typical: float) -> int:
        """Tokens around that many: as many calls have fewer as have more."""
        return max(1, round(typical * self._chance.lognormvariate(0.0, LENGTH_SPREAD)))

    def guess(self, prompt: int) -> int:
        """What a coordinator takes a prompt of so many tokens for."""
        return max(1, round(prompt * self._chance.uniform(*GUESS)))


def by_arrival(jobs: Iterable[Job]) -> list[Job]:
    """In order of arrival, those that follow another after it. None of `jobs` follows another yet."""
    return sorted(jobs, key=lambda job: job.at)


def stretched(jobs: Sequence[Job], factor: float) -> list[Job]:
    """The same, with arrivals so much farther apart. What follows another follows it as closely as before."""
    return [job if job.follows is not None else replace(job, at=job.at * factor) for job in jobs]


def rate(jobs: Sequence[Job]) -> float:
    """Calls a second over the time in which they begin to arrive; those that follow others are counted too."""
    starts = [job.at for job in jobs if job.follows is None]
    span = max(starts) - min(starts)
    return len(jobs) / span if span else 0.0
