"""The forms in which the embedded llama.cpp is started: one for each rung of the ladder. Pure."""

import sys
from pathlib import Path

from msgspec import Struct

from agent.engines import llamacpp_inputs
from agent.engines.embedded_model import ModelFile
from agent.engines.llamacpp_placed import placed_words
from agent.loading.spec import LoadSpec
from agent.models.estimate import Load
from agent.models.shape import Shape
from agent.supervision.launch import Launch, Rung, reached, ready_timeout_s

SMALLER = 4
"""Context on the lower rung is so many times smaller."""
LEAST_CONTEXT = 512
"""Tokens; nobody is served with less."""
QUANTISED = "q8_0"
"""Half the memory of f16, at no loss that is seen in answers."""


class LlamaCppForms(Struct, frozen=True):
    """What is wanted at best."""

    model: ModelFile
    slots: int
    context_length: int
    """Tokens, for each slot."""
    threads: int
    start_timeout_s: float
    outlive_s: float = 0.0
    on_gpus: bool = False
    """Whether this llama.cpp is built for the GPUs that are here."""

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """Those that change anything."""
        wanted = {
            Rung.FEWER_SLOTS: self.slots > 1,
            Rung.SMALLER_CONTEXT: self.context_length > LEAST_CONTEXT,
            Rung.QUANTISED_KV: True,
            Rung.FEWER_GPU_LAYERS: self.on_gpus,
            Rung.CPU: True,
        }
        return (Rung.AS_IT_WAS, *(rung for rung, is_one in wanted.items() if is_one))

    @property
    def name(self) -> str:
        """What a rung is remembered for: other settings are tried at their best first."""
        return f"{self.model.name}, {self.slots} x {self.context_length}"

    def slots_on(self, rung: Rung) -> int:
        """Calls at once."""
        return 1 if reached(rung, Rung.FEWER_SLOTS) else self.slots

    def context_on(self, rung: Rung) -> int:
        """Tokens, for each slot."""
        if not reached(rung, Rung.SMALLER_CONTEXT):
            return self.context_length
        return min(self.context_length, max(LEAST_CONTEXT, self.context_length // SMALLER))

    def largest_input(self, rung: Rung) -> int:
        """Tokens of one input of an embedding."""
        return llamacpp_inputs.largest_input(self.context_on(rung), self.slots_on(rung))

    def batch_on(self, rung: Rung) -> int:
        """Tokens computed at once: an input of an embedding is one batch."""
        slots = self.slots_on(rung)
        return min(llamacpp_inputs.LARGEST_BATCH, self.context_on(rung) * slots) // slots * slots

    def spec(self) -> LoadSpec:
        """For whoever judges its loads."""
        return LoadSpec(
            path=str(self.model.path),
            kind="llama.cpp",
            load=self._load,
            rungs=self.rungs,
            spread="layers",
            on_gpus=self.on_gpus,
            arguments=lambda placement, _cap: placed_words(placement),
            allocates_at_load=True,
        )

    def _load(self, rung: Rung, shape: Shape) -> Load:
        kind = QUANTISED.upper() if reached(rung, Rung.QUANTISED_KV) else "F16"
        context = min(self.context_on(rung), shape.max_context or self.context_length)
        return Load(context, self.slots_on(rung), self.batch_on(rung), kind, kind)

    def launch(self, worker: Path, rung: Rung, model_bytes: int = 0, version: str = "") -> Launch:
        """`worker`: the program. `model_bytes`: of the files, which take their time to be read. `version`: of them."""
        return Launch(
            command=(sys.executable, str(worker), *self._options(rung)),
            ready_timeout_s=ready_timeout_s(model_bytes, self.start_timeout_s),
            outlives_agent=self.outlive_s > 0,
            version=version,
        )

    def _options(self, rung: Rung) -> list[str]:
        options = [f"--model={self.model.path}", f"--alias={self.model.name}"]
        options += ["--slots", str(self.slots_on(rung)), "--context-length", str(self.context_on(rung))]
        options += ["--threads", str(self.threads)]
        if reached(rung, Rung.QUANTISED_KV):
            options += ["--kv-type", QUANTISED]
        if rung is Rung.CPU:
            options += ["--gpu-layers", "0"]
        return [*options, "--outlive", str(self.outlive_s)] if self.outlive_s > 0 else options
