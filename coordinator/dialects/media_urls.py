"""Images, sound and film that a call names by an address: whoever fetches them goes where a caller says. Pure.

An engine that fetches them does so from its own machine, behind every firewall, and some read files too. A call without
such a field costs two looks at its bytes.
"""

import re
from collections.abc import Iterator
from typing import Any

from coordinator.dialects.body import decode_any
from shared.errors import CallerFault

_FIELDS = ("image_url", "video_url", "audio_url", "input_image", "input_audio")
_PLACES = ("messages", "input", "prompt")
_SPELT_OUT = re.compile(rb"\\u00(?:5[fF]|[46][1-9a-fA-F]|[57][0-9aA])")
"""A letter or underscore as an escape: only who hides a field's name writes it so."""


def check_media(body: bytes) -> None:
    """Raises CallerFault for anything but a data: URI."""
    if not (b"_url" in body or b"input_" in body or (b"\\u00" in body and _SPELT_OUT.search(body))):
        return
    asked = decode_any(body)
    if not isinstance(asked, dict):
        return
    for place in _PLACES:
        for field, url in _named(asked.get(place)):
            if not url[:5].lower() == "data:":
                raise CallerFault(
                    f"{place}: {field}: nothing is fetched from addresses here: send it as a data: URI"
                    " (FLEET_IMAGE_URLS=pass lets engines fetch it)"
                )


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """Fields that name an address, and what they name. The depth of the body is bounded before."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, dict):
        for name, held in value.items():
            if name in _FIELDS and isinstance(held, str):
                yield name, held
            elif name in _FIELDS and isinstance(held, dict) and isinstance(held.get("url"), str):
                yield name, held["url"]
            else:
                yield from _named(held)
