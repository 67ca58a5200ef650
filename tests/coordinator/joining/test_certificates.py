"""The fleet's authority stays, the coordinator's own certificate is replaced in time, and neither is for other eyes."""

import time
from pathlib import Path

import pytest

from coordinator.joining.certificates import Certificates
from shared.settings import SettingsError
from shared.trust.leaf import has_ended, stands
from shared.trust.names import coordinator_name

IDENTITY = "0" * 32
DAY_S = 86_400.0


def test_they_are_made_once_and_read_after_that(tmp_path: Path) -> None:
    first = Certificates(tmp_path / "fleet", IDENTITY)
    again = Certificates(tmp_path / "fleet", IDENTITY)
    assert (first.authority.spki, first.held) == (again.authority.spki, again.held)
    assert stands(first.held, coordinator_name(IDENTITY))
    kept = sorted((tmp_path / "fleet").iterdir())
    assert [each.stat().st_mode & 0o777 for each in kept] == [0o600] * 4
    assert (tmp_path / "fleet").stat().st_mode & 0o777 == 0o700


def test_a_certificate_that_is_due_is_replaced_by_the_same_authority(tmp_path: Path) -> None:
    first = Certificates(tmp_path / "fleet", IDENTITY)
    later = Certificates(tmp_path / "fleet", IDENTITY, lambda: time.time() + 25 * DAY_S)
    assert later.authority.spki == first.authority.spki
    assert later.held.certificate_pem != first.held.certificate_pem
    assert later.held.key_pem != first.held.key_pem
    assert not has_ended(later.held.certificate_pem, time.time() + 50 * DAY_S)


def test_one_that_was_made_for_another_id_is_not_shown(tmp_path: Path) -> None:
    Certificates(tmp_path / "fleet", "1" * 32)
    assert stands(Certificates(tmp_path / "fleet", IDENTITY).held, coordinator_name(IDENTITY))


def test_a_first_start_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    directory = tmp_path / "fleet"
    first = Certificates(directory, IDENTITY)
    for name in ("authority.pem", "own.key", "own.pem"):
        (directory / name).unlink()  # the authority's key is written first
    again = Certificates(directory, IDENTITY)
    assert again.authority.spki != first.authority.spki
    assert stands(again.held, coordinator_name(IDENTITY))


@pytest.mark.parametrize("harm", ["wider directory", "wider key", "half", "rubbish"])
def test_what_cannot_be_trusted_keeps_the_coordinator_from_starting(tmp_path: Path, harm: str) -> None:
    directory = tmp_path / "fleet"
    Certificates(directory, IDENTITY)
    if harm == "wider directory":
        directory.chmod(0o750)
    elif harm == "wider key":
        (directory / "authority.key").chmod(0o644)
    elif harm == "half":
        (directory / "authority.key").unlink()
    else:
        (directory / "authority.pem").write_bytes(b"no certificate")
    with pytest.raises(SettingsError, match="certificates cannot be used"):
        Certificates(directory, IDENTITY)
