"""What of the agent works by other settings at once, and what else it reads at SIGHUP."""

from collections.abc import Callable

from agent.config import Settings
from agent.link import Link
from agent.reloading import Reloading
from agent.swapping.change import Change
from shared.live_settings import LiveSettings
from shared.settings import Resolved

LIVE = frozenset({"log_level", "console_log_level", "heartbeat_interval", "drain_timeout"})
"""Settings that SIGHUP changes while the agent runs."""


class Live:
    """`settings`: what the agent works by now."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Resolved[Settings]],
        set_levels: Callable[[str, str], None],
        link: Link,
        change: Change,
        reloading: Reloading,
    ) -> None:
        """`read` looks at all sources of settings anew; `set_levels` changes those of the file and of the terminal."""
        self.settings = LiveSettings(settings, read, LIVE, self._take)
        self._set_levels = set_levels
        self._link = link
        self._change = change
        self._reloading = reloading

    async def hung_up(self) -> None:
        """Settings are read again, then engines.toml. Raises nothing."""
        await self.settings.reload()
        self._reloading.hung_up()

    async def _take(self, changed: Settings) -> None:
        self._link.interval_s = changed.heartbeat_interval
        self._change.drain_s = changed.drain_timeout
        self._link.wake()
        self._set_levels(changed.log_level, changed.console_log_level)
