"""What holds of HTTP holds within TLS: most tests run both ways."""

import pytest

from shared.trust.contexts import calling, listening
from tests.shared.http1 import peers
from tests.shared.trust.fleet_of_two import COORDINATOR, fleet

BOTH = {
    "test_client",
    "test_client_gone",
    "test_pool",
    "test_pouring",
    "test_server",
    "test_slow_sides",
    "test_stop",
}
_NO_HALF = "whoever says goodbye in TLS has left, and is not answered"
PLAIN_ONLY = {
    "test_a_client_that_shut_its_side_gets_its_answer": _NO_HALF,
    "test_so_does_one_that_asked_twice": _NO_HALF,
    "test_an_old_client_is_sent_no_interim_answer": _NO_HALF,
    "test_one_that_shut_its_side_before_the_stream_gets_all_of_it": _NO_HALF,
    "test_what_is_written_after_a_client_has_gone_is_dropped_without_a_word": "its client is a bare socket",
}
"""By test: why."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in BOTH and metafunc.function.__name__ not in PLAIN_ONLY:
        metafunc.parametrize("spoken", ["plain", "tls"], indirect=True)


@pytest.fixture(scope="session")
def both_ends() -> peers.Spoken:
    two = fleet()
    return peers.Spoken(listening(two.coordinator, required=True), calling(two.node), COORDINATOR)


@pytest.fixture(autouse=True)
def spoken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> peers.Spoken:
    """How bytes travel in this test."""
    if getattr(request, "param", "plain") == "plain":
        return peers.SPOKEN
    secured: peers.Spoken = request.getfixturevalue("both_ends")
    monkeypatch.setattr(peers, "SPOKEN", secured)
    return secured
