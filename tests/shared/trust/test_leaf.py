"""What a program kept of its certificates: whether it still belongs together."""

import time

import pytest

from shared.trust.authority import Authority
from shared.trust.held import Held
from shared.trust.leaf import new_key, stands
from tests.shared.trust.fleet_of_two import NODE, OTHER, Fleet, fleet


@pytest.fixture(scope="module")
def two() -> Fleet:
    return fleet()


def test_what_was_made_together_stands(two: Fleet) -> None:
    assert stands(two.node, NODE)


def test_another_name_does_not(two: Fleet) -> None:
    assert not stands(two.node, OTHER)


def test_another_key_does_not(two: Fleet) -> None:
    assert not stands(Held(new_key(), two.node.certificate_pem, two.node.authority_pem), NODE)


def test_the_certificate_of_another_authority_does_not(two: Fleet) -> None:
    """As after the authority's files were taken away."""
    other = Authority.create(time.time()).certificate_pem
    assert not stands(Held(two.node.key_pem, two.node.certificate_pem, other), NODE)


def test_an_authority_is_no_member(two: Fleet) -> None:
    own = two.authority
    assert not stands(Held(own.private_pem(), own.certificate_pem, own.certificate_pem), NODE)


def test_what_is_no_certificate_is_told(two: Fleet) -> None:
    with pytest.raises(ValueError, match=r"."):
        stands(Held(two.node.key_pem, b"none", two.node.authority_pem), NODE)
