import pytest
from zeroconf import ServiceInfo

from shared.adverts import (
    COORDINATORS,
    LABEL_BYTES,
    NODES,
    TXT_BYTES,
    coordinator_advert,
    fields_of,
    label_of,
    node_advert,
)


@pytest.mark.parametrize("kind", [COORDINATORS, NODES])
def test_the_service_types_are_valid(kind: str) -> None:
    assert ServiceInfo(kind, f"x.{kind}").type == kind


@pytest.mark.parametrize("text", ["workstation", "a.b.c", "x" * 300, "ü" * 100, "line\nbreak", ""])
def test_a_label_fits_and_is_one_of_a_kind(text: str) -> None:
    label = label_of(text, "0123456789abcdef")
    assert len(label.encode()) <= LABEL_BYTES
    assert label.endswith("-01234567")
    assert "." not in label
    assert label.isprintable()
    ServiceInfo(COORDINATORS, f"{label}.{COORDINATORS}")


def test_long_fields_are_cut_at_what_txt_can_carry() -> None:
    advert = node_advert("n" * 400, "a" * 32, "1.0", 11436, "c" * 32)
    assert all(len(f"{key}={value}".encode()) <= TXT_BYTES for key, value in advert.fields.items())


def test_a_restart_shows_in_a_coordinators_advert() -> None:
    first, second = (coordinator_advert(COORDINATORS, "host", "a" * 32, "1.0", 11435, at) for at in (1, 2))
    assert first.name == second.name
    assert first.fields != second.fields


def test_anybody_may_say_anything() -> None:
    assert fields_of({b"id": b"x", b"bad": b"\xff", b"\xff": b"y", b"e": b"\x1b[2J", b"flag": None}) == {
        "id": "x",
        "flag": "",
    }
