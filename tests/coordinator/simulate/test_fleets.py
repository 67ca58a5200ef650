"""Fleet files, those that come with herd and those that are wrong."""

from pathlib import Path

import pytest

from coordinator.simulate.fleets import BadFleet, decode, on_disk, read, shipped

GOOD = """
about = "one"
machine = [{ name = "n", memory_gb = 16, bandwidth_gbps = 50 }]
model = [{ name = "m", size_gb = 2 }]
"""


def test_the_shipped_fleets_have_their_sizes() -> None:
    counts = {name: sum(1 for _ in read(name).machines()) for name in shipped()}
    assert counts == {"home": 3, "eight": 8, "hundred": 100, "thousand": 1_000}


def test_the_eight_are_those_of_the_design() -> None:
    fleet = read("eight")
    assert {spec.name: spec.count for spec in fleet.machine} == {"big": 2, "gpu": 2, "laptop": 1, "small": 3}
    assert [model.size_gb for model in fleet.model] == [2.0, 5.2, 20.0, 40.0]
    small = next(spec for spec in fleet.machine if spec.name == "small")
    assert [model.size_gb for model in on_disk(fleet, small)] == [2.0, 5.2]


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(GOOD)
    assert read(str(path)) == decode(GOOD.encode())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("size_gb = 2", "size_gb = 20"), "no machine has it"),
        (("memory_gb = 16", "memory_gb = 16, loaded = ['x']"), "there is no model 'x'"),
        (("bandwidth_gbps = 50", "bandwidth_gbps = 50, colour = 'red'"), "colour"),
        (("bandwidth_gbps = 50", "bandwidth_gbps = 0"), "bandwidth_gbps"),
        (("memory_gb = 16", "memory_gb = nan"), "memory_gb"),
        (('about = "one"', "beat_s = 0\nabout = 'one'"), "beat_s"),
        (("size_gb = 2", "size_gb = 2, context = 0"), "context"),
        (("bandwidth_gbps = 50", "bandwidth_gbps = 50, count = 0"), "count"),
        (('about = "one"', "spread = [2.0, 1.0]\nabout = 'one'"), "the smaller first"),
        (("size_gb = 2", "size_gb = 2, share = 0"), "no model has a share"),
        (('about = "one"', "about ="), "Invalid value"),
    ],
)
def test_a_file_that_is_wrong_says_why(change: tuple[str, str], says: str) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(BadFleet, match=says):
        decode(text.encode())


def test_a_name_that_is_no_file_tells_what_there_is() -> None:
    with pytest.raises(BadFleet, match="a file, or one of eight, home, hundred, thousand"):
        read("nowhere")
