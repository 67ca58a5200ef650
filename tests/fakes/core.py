"""The fake engine's own state: its models, its switches, its calls."""

import asyncio
import hashlib
import re
import time
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.fakes.counting import Counters, RecordedCall, Slots, State
from tests.fakes.faults import Fault, chosen
from tests.fakes.switches import Switches, merged

ARCHITECTURE = "fake"
MODIFIED_AT = "2026-01-02T03:04:05.678901234Z"
MODEL_BYTES = 3 << 30
HISTORY = 50
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": ARCHITECTURE,
    "families": [ARCHITECTURE],
    "parameter_size": "4.0B",
    "quantization_level": "Q4_K_M",
}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_FOR_EVER_S = 100 * 365 * 86400.0


class Engine:
    """What one fake engine process knows."""

    def __init__(self, name: str, defaults: Switches) -> None:
        self.name = name
        self.switches = merged(defaults, defaults, {})
        self.counters = Counters()
        self.slots = Slots(defaults.slots)
        self._defaults = defaults
        self._faults_left: int | None = None
        self._calls: deque[RecordedCall] = deque(maxlen=HISTORY)
        self._by_path: Counter[str] = Counter()
        self._contexts: dict[str, int] = {}
        self._expiries: dict[str, datetime] = {}
        self._lasting_s: dict[str, float] = {}
        self._ready_at: dict[str, float] = {}
        self._renewed: Counter[str] = Counter()

    def patch(self, patch: dict[str, Any]) -> None:
        """Merges switches; naming `fail_first_n` starts its count anew."""
        self.switches = merged(self.switches, self._defaults, patch)
        if "fail_first_n" in patch:
            self._faults_left = self.switches.fail_first_n
        self.slots.resize(self.switches.slots)

    def take_fault(self, path: str, *, inference: bool) -> Fault | None:
        """The fault that this call must suffer, if any, counted against `fail_first_n`."""
        paths = self.switches.fail_paths
        fault = chosen(self.switches) if (inference if paths is None else path in paths) else None
        if fault is None or self._faults_left == 0:
            return None
        if self._faults_left is not None:
            self._faults_left -= 1
        return fault

    def record(self, request: web.Request, body: bytes) -> None:
        """Remembers the request as it came."""
        headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in request.raw_headers]
        call = RecordedCall(request.path, request.raw_path, request.method, headers, body, time.time())
        self._calls.append(call)
        self._by_path[request.path] += 1

    def state(self) -> State:
        """A copy of the counters."""
        return State(
            started=self.counters.started,
            active=self.slots.active,
            waiting=self.slots.waiting,
            max_active=self.slots.max_active,
            completed=self.counters.completed,
            cancelled=self.counters.cancelled,
            failed=self.counters.failed,
            calls=list(self._calls),
            by_path=dict(self._by_path),
            loads=self.counters.loads,
        )

    def reset(self) -> None:
        """Clears the counters; calls under way no longer count, the switches stay."""
        self.counters = Counters()
        self.slots.max_active = self.slots.active
        self._calls.clear()
        self._by_path.clear()

    def find(self, name: str) -> str | None:
        """The listed name that `name` means; a missing tag means `latest`."""
        bare = name.removesuffix(":latest")
        return next((m for m in self.switches.models if m.removesuffix(":latest") == bare), None)

    def add(self, name: str) -> None:
        """Makes a pulled model listed, with its tag as Ollama does."""
        if self.find(name) is None:
            self.switches.models.append(name if ":" in name.rpartition("/")[2] else f"{name}:latest")

    def renew(self, model: str) -> None:
        """What a pull of a model does that is listed already."""
        if model in self.switches.newer:
            self.switches.newer.remove(model)
            self._renewed[model] += 1

    def remove(self, model: str) -> None:
        """Deletes a listed model."""
        self.unload(model)
        self.switches.models.remove(model)

    def load(self, model: str, num_ctx: int | None = None, keep_alive: float | str | None = None) -> bool:
        """Marks the model as loaded and used now; true when it had to be loaded, or loaded anew."""
        fresh = model not in self.switches.loaded
        if fresh:
            self.switches.loaded.append(model)
        if self.switches.default_context is not None:
            num_ctx = num_ctx or self.switches.default_context
            fresh = fresh or self.context(model) != min(num_ctx, self.switches.max_context)
        self.counters.loads += fresh
        if num_ctx is not None:
            self._contexts[model] = min(num_ctx, self.switches.max_context)
        if fresh or keep_alive is not None:  # else that of the call before goes on
            self._lasting_s[model] = _seconds(keep_alive)
        lasting_s = self._lasting_s.setdefault(model, _seconds(None))
        self._expiries[model] = datetime.now(UTC) + timedelta(seconds=lasting_s)
        return fresh

    def context(self, model: str) -> int:
        """Tokens with which a model is loaded."""
        return self._contexts.get(model, self.switches.context_length)

    def fitted(self, model: str, tokens: int, *, may_cut: bool) -> int | None:
        """What is left of a prompt of so many tokens; None: too long, and not to be cut."""
        if self.switches.default_context is None or tokens <= self.context(model):
            return tokens
        return self.context(model) if may_cut else None

    async def reads(self, model: str) -> None:
        """Takes `load_s` for a model that is not loaded; who comes meanwhile waits for the same."""
        if model not in self.switches.loaded and self.switches.load_s:
            ready = self._ready_at.setdefault(model, time.monotonic() + self.switches.load_s)
            await asyncio.sleep(max(0.0, ready - time.monotonic()))
            self._ready_at.pop(model, None)

    def unload(self, model: str) -> None:
        """Forgets the loaded state of the model."""
        if model in self.switches.loaded:
            self.switches.loaded.remove(model)
        self._contexts.pop(model, None)
        self._expiries.pop(model, None)
        self._lasting_s.pop(model, None)

    def listed(self, model: str) -> dict[str, Any]:
        """The entry of a model in /api/tags."""
        return {
            "name": model,
            "model": model,
            "modified_at": MODIFIED_AT,
            "size": self._size(),
            "digest": digest(model + "@newer" * self._renewed[model]),
            "details": DETAILS,
        }

    def running(self, model: str) -> dict[str, Any]:
        """The entry of a loaded model in /api/ps."""
        expires_at = self._expiries.get(model) or datetime.now(UTC) + timedelta(seconds=_seconds(None))
        entry = self.listed(model)
        del entry["modified_at"]
        return entry | {
            "expires_at": expires_at.isoformat(),
            "size_vram": self._size(),
            "context_length": self.context(model),
        }

    def _size(self) -> int:
        return MODEL_BYTES if self.switches.wrong_sizes is None else self.switches.wrong_sizes


def digest(model: str) -> str:
    """A stable digest for a model name."""
    return hashlib.sha256(model.encode()).hexdigest()


def _seconds(keep_alive: float | str | None) -> float:
    """Ollama's keep_alive as seconds; negative means for ever."""
    if keep_alive is None:
        return 300.0
    if isinstance(keep_alive, str):
        parts = re.findall(r"([\d.]+)(ms|s|m|h)", keep_alive)
        total = sum(float(number) * _UNITS[unit] for number, unit in parts)
        keep_alive = -1.0 if keep_alive.startswith("-") else total
    return _FOR_EVER_S if keep_alive < 0 else keep_alive


def unloads(keep_alive: float | str | None) -> bool:
    """True when the keep_alive asks to unload right away."""
    return keep_alive is not None and _seconds(keep_alive) == 0
