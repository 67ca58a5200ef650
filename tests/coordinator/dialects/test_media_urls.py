import json
from typing import Any

import pytest

from coordinator.dialects.media_urls import check_media
from shared.errors import CallerFault

DATA = "data:image/png;base64,AAAA"


def chat(*parts: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": list(parts)}]}).encode()


def image(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/x",
        "https://example.com/x.png",
        "HTTP://10.0.0.1",
        "file:///etc/passwd",
        "//10.0.0.1/x",
        "/etc/passwd",
        " data:x",
        "",
        "ftp://10.0.0.1",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("wrapped", [True, False], ids=["object", "text"])
def test_an_address_is_refused(url: str, wrapped: bool) -> None:
    body = chat({"type": "text", "text": "what is it?"}, image({"url": url} if wrapped else url))
    with pytest.raises(CallerFault, match="FLEET_IMAGE_URLS=pass") as raised:
        check_media(body)
    assert url.strip() not in str(raised.value) or not url.strip(), "an address may be a secret"


@pytest.mark.parametrize("field", ["video_url", "audio_url", "input_audio", "input_image"])
def test_so_is_sound_and_film(field: str) -> None:
    with pytest.raises(CallerFault):
        check_media(chat({"type": field, field: {"url": "http://10.0.0.1"}}))


@pytest.mark.parametrize("name", ["image\\u005furl", "\\u0069mage_url", "im\\u0061ge\\u005Fur\\u006c"])
def test_a_name_spelt_in_escapes_hides_nothing(name: str) -> None:
    body = chat(image({"url": "http://10.0.0.1"})).replace(b'"image_url": {', f'"{name}": {{'.encode())
    with pytest.raises(CallerFault):
        check_media(body.replace(b'"type": "image_url"', b'"type": "x"'))


@pytest.mark.parametrize(
    "body",
    [
        chat(image({"url": DATA}), image(DATA), image({"url": DATA.replace("data", "DATA")})),
        chat({"type": "text", "text": '"image_url": {"url": "http://10.0.0.1"}'}),
        chat({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        json.dumps({"messages": [], "tools": [{"image_url": {"url": "http://x"}}]}).encode(),
        json.dumps({"messages": [{"content": "caf\u00e9 \u003c"}]}).encode(),
        b"[]",
    ],
    ids=["data", "prose", "sound", "tools", "escapes", "list"],
)
def test_what_names_no_address_passes(body: bytes) -> None:
    check_media(body)
