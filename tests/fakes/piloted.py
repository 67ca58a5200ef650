"""`herd top` under textual's pilot, on a real stream of events."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from textual.pilot import Pilot

from coordinator.top.following import Follower
from coordinator.top.glyphs import ASCII, UNICODE
from coordinator.top.screen import Top
from tests.fakes.pictures import a_picture
from tests.fakes.streamed import Streamed
from tests.fakes.waiting import eventually


class Screen(NamedTuple):
    """The program, its pilot and its coordinator."""

    app: Top
    pilot: Pilot[None]
    fleet: Streamed

    def lines(self) -> list[str]:
        """What a person sees."""
        told = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in told]

    async def sees(self, *texts: str) -> None:
        """Waits until all of them stand there."""

        async def there() -> bool:
            await self.pilot.pause()
            seen = "\n".join(self.lines())
            return all(text in seen for text in texts)

        try:
            await eventually(there, 10)
        except AssertionError:
            raise AssertionError(f"{texts} not in:\n" + "\n".join(self.lines())) from None

    async def sees_no(self, text: str) -> None:
        """Waits until it is gone."""

        async def gone() -> bool:
            await self.pilot.pause()
            return text not in "\n".join(self.lines())

        await eventually(gone, 10)

    async def press(self, *keys: str) -> None:
        """One after the other."""
        await self.pilot.press(*keys)


@contextlib.asynccontextmanager
async def a_screen(
    picture: dict[str, Any] | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    ascii_only: bool = False,
    **options: Any,
) -> AsyncIterator[Screen]:
    """With its first picture drawn, at a moment that stands."""
    async with Streamed(picture or a_picture()).serving() as fleet:
        follower = Follower(fleet.url, clock=lambda: 0.0)
        app = Top(follower, ASCII if ascii_only else UNICODE, every_s=0.5, **options)
        async with app.run_test(size=size) as pilot:
            screen = Screen(app, pilot, fleet)
            await screen.sees("herd home")
            yield screen
