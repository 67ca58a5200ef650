"""The file of the pins, as it is read at the start."""

from pathlib import Path

import msgspec
import pytest

from coordinator.core.limits import Limits
from coordinator.dialects.bodies import Bodies
from coordinator.models.loader import Loader
from coordinator.models.pins import Pins
from tests.fakes.builders import a_desk


def pins(path: Path, *fixed: str) -> Pins:
    desk = a_desk()
    loader = Loader(desk, None)  # type: ignore[arg-type]  # nothing is loaded here
    made = Pins(path, fixed, desk, Limits(), loader, Bodies(1000))
    made.read()
    return made


async def test_a_file_of_the_reference_product_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pinned_models.json"
    path.write_bytes(msgspec.json.encode({"nodes": {"n1": ["a", "b:7b"], "n2": []}, "updated_at": 5.5}))
    read = pins(path, "c@n1", "d@n3", "e")
    assert read.status() == {
        "per_node": {"n1": ["a:latest", "b:7b", "c:latest"], "n3": ["d:latest"]},
        "anywhere": ["e:latest"],
        "updated_at": 5.5,
    }


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"nodes": {"n1": "a"}}', b'{"nodes": {"n1": [1]}}'])
async def test_one_that_makes_no_sense_pins_nothing_and_stays(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "pinned_models.json"
    path.write_bytes(body)
    assert pins(path).per_node() == {}
    assert path.read_bytes() == body


async def test_none_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert pins(tmp_path / "none.json").per_node() == {}
    assert not caplog.records
