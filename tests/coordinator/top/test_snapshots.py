"""Screens as they were drawn when a person looked at them last: SVG files beside this one.

HERD_DRAW=1 writes them anew; look at them before you commit them.
"""

import os
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.pictures import a_picture
from tests.fakes.piloted import a_screen

SCREENS = Path(__file__).parent / "screens"
COMPLETE = {"keys": "ctrl-c", "models": "llama3.2:3b", "a-node": "nothing of it is in the log"}
"""What stands there once all of it does."""
FEW, MANY, README = (80, 24), (160, 48), (110, 13)


FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Which rich would have a browser fetch from the internet; it takes its own monospaced one instead."""


def told(svg: str) -> str:
    """The words of it, line by line: how they are painted depends on textual's release."""
    return "\n".join(unescape(each) for each in re.findall(r"<text [^>]*>([^<]*)</text>", svg))


@pytest.mark.parametrize(
    ("name", "picture", "size", "keys"),
    [
        ("fleet", a_picture(7, calls=9, cordoned="laptop-05", lost="laptop-03"), README, ()),
        ("nodes-3", a_picture(3), FEW, ()),
        ("nodes-30", a_picture(30, calls=20), MANY, ()),
        ("nodes-30-narrow", a_picture(30, calls=20), FEW, ("G",)),
        ("a-node-is-lost", a_picture(3, lost="laptop-01", broken=2), FEW, ()),
        ("a-node-is-cordoned", a_picture(3, cordoned="laptop-03"), FEW, ("G", "u")),
        ("models", a_picture(3), FEW, ("2",)),
        ("requests", a_picture(3, calls=9), FEW, ("3", "j")),
        ("requests-wide", a_picture(30, calls=40), MANY, ("3",)),
        ("events", a_picture(3, lost="laptop-01", broken=2), FEW, ("4",)),
        ("a-node", a_picture(3), FEW, ("G", "enter")),
        ("keys", a_picture(3), FEW, ("question_mark",)),
    ],
)
async def test_screen_is_as_it_was(
    name: str, picture: dict[str, Any], size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    picture["fleet"]["version"] = "0.1.0"
    async with a_screen(picture, size=size) as screen:
        await screen.press(*keys)
        await screen.sees(COMPLETE.get(name, "workstation"))
        screen.app._follower.url = "http://workstation:11435"
        if screen.app._timer is not None:
            screen.app._timer.stop()
        screen.app._past.clear()
        screen.app._past.extend([0, 3, 8, 20, 35, 30, 44, 52, 47, 60])
        screen.app.draw()
        await screen.pilot.pause()
        drawn = screen.app.export_screenshot(title="herd top")
    file = SCREENS / f"{name}.svg"
    if os.environ.get("HERD_DRAW"):
        SCREENS.mkdir(exist_ok=True)
        file.write_text(FONTS.sub("", drawn))
    assert told(drawn) == told(file.read_text())
