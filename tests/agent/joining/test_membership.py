"""What a node has joined: kept whole, for its user alone, refused when it is not; and what it may show to whom."""

import time
from pathlib import Path

import pytest

from agent.joining.membership import BadMembership, Membership, MembershipFile
from agent.joining.secrets_at_hand import SecretsAtHand
from shared.trust import token
from shared.trust.authority import Authority
from shared.trust.leaf import new_key, public_of
from shared.trust.names import node_name

AUTHORITY = Authority.create(time.time())
IDENTITY = "0" * 32


def membership() -> Membership:
    key = new_key()
    certificate = AUTHORITY.sign(public_of(key), node_name("n1"), now=time.time())
    return Membership(IDENTITY, AUTHORITY.certificate_pem.decode(), key.decode(), certificate.decode())


def test_it_is_read_as_it_was_written_and_the_key_shows_nowhere(tmp_path: Path) -> None:
    file, known = MembershipFile(tmp_path), membership()
    assert file.read() is None
    file.write(known)
    assert MembershipFile(tmp_path).read() == known
    assert "PRIVATE KEY" not in repr(known)
    assert "PRIVATE KEY" not in repr(known.held())


@pytest.mark.parametrize("harm", ["wider file", "wider directory", "rubbish", "another key", "a link"])
def test_what_cannot_be_trusted_is_refused_with_what_mends_it(tmp_path: Path, harm: str) -> None:
    file, known = MembershipFile(tmp_path), membership()
    file.write(known)
    path = tmp_path / "joined" / "membership.json"
    if harm == "wider file":
        path.chmod(0o640)
    elif harm == "wider directory":
        path.parent.chmod(0o711)
    elif harm == "rubbish":
        path.write_bytes(b"{}")
    elif harm == "another key":
        file.write(Membership(IDENTITY, known.authority, new_key().decode(), known.certificate))
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadMembership, match=r"chmod|makes no sense|cannot be read"):
        file.read()


def test_who_has_left_keeps_what_it_had_aside(tmp_path: Path) -> None:
    file = MembershipFile(tmp_path)
    assert file.put_aside() is None
    file.write(membership())
    aside = file.put_aside()
    assert aside is not None
    assert aside.stat().st_mode & 0o777 == 0o600
    assert file.read() is None


def test_a_secret_is_told_to_the_authority_that_it_names_only(tmp_path: Path) -> None:
    other = token.new(b"o" * 32)
    mine = token.new(AUTHORITY.spki)
    at_hand = SecretsAtHand(mine, ())
    assert at_hand.for_authority(AUTHORITY.spki) == mine
    assert at_hand.for_authority(b"o" * 32) is None
    local = tmp_path / "local-join"
    local.write_text(f"{other.text}\n")
    local.chmod(0o600)
    nearby = SecretsAtHand(None, (tmp_path / "none", local))
    assert nearby.for_authority(b"o" * 32) == other
    assert nearby.for_authority(AUTHORITY.spki) is None
    assert SecretsAtHand(mine, (local,)).for_authority(b"o" * 32) is None, "its person named another one"
    local.chmod(0o644)
    assert nearby.for_authority(b"o" * 32) is None


def test_what_was_of_no_use_is_not_shown_again(tmp_path: Path) -> None:
    given = token.new(AUTHORITY.spki)
    at_hand = SecretsAtHand(given, ())
    assert at_hand.for_authority(AUTHORITY.spki) == given
    at_hand.spent(given)
    assert at_hand.wanted is None
    assert at_hand.for_authority(AUTHORITY.spki) is None
