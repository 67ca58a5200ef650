"""What of the coordinator works by other settings at once: limits, keys' classes, the settings that are shown."""

import asyncio

from coordinator.config import Settings
from coordinator.core.limits import Limits
from coordinator.dashboard.present import Present
from coordinator.dialects.callers import Callers
from coordinator.startup import owners

LIVE = frozenset(
    {
        *("log_level", "console_log_level", "max_retries", "hold_timeout", "hold_loading_limit"),
        *("hold_limit", "hold_limit_per_model", "hold_tokens", "trouble_time", "circuit_failures"),
        *("circuit_time", "stale_timeout", "forget_time", "probe_interval"),
    }
)
"""Settings that SIGHUP changes while the coordinator runs."""


class Live:
    """The parts that take them."""

    def __init__(self, limits: Limits, callers: Callers, present: Present) -> None:
        self._limits = limits
        self._callers = callers
        self._present = present

    async def take(self, settings: Settings) -> None:
        """`settings` differ from those before in live ones only; the file of priorities is read again.

        Raises SettingsError for that file, and has changed nothing then.
        """
        by_key = await asyncio.to_thread(owners, settings)
        self._callers.owners = by_key
        self._limits.take(settings.limits())
        self._present.in_use = settings
