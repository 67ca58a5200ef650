"""What SIGHUP changes, and what waits for a restart."""

from msgspec import Struct

from shared.reloading import Change, reloaded
from shared.settings import Resolved

LIVE = {"wait_s"}


class Some(Struct, frozen=True, kw_only=True):
    """Settings of a program that does not exist."""

    port: int = 1
    wait_s: float = 30.0


def found(**values: float) -> Resolved[Some]:
    origins = {"port": "default", "wait_s": "default"} | dict.fromkeys(values, "file x")
    return Resolved(Some(**values), origins)  # type: ignore[arg-type]


def test_what_can_change_does_and_the_rest_is_told() -> None:
    outcome = reloaded(Some(), found(port=2, wait_s=5.0), LIVE)
    assert outcome.running == Some(port=1, wait_s=5.0)
    assert outcome.taken == (Change("wait_s", 30.0, 5.0, "file x"),)
    assert outcome.told() == [
        "reloaded: wait_s 30.0 -> 5.0 (file x)",
        "not before a restart: port 1 -> 2 (file x)",
    ]


def test_a_setting_that_was_taken_out_gets_its_default_back() -> None:
    outcome = reloaded(Some(wait_s=5.0), found(), LIVE)
    assert outcome.running == Some()
    assert outcome.told() == ["reloaded: wait_s 5.0 -> 30.0 (default)"]


def test_nothing_has_changed() -> None:
    outcome = reloaded(Some(), found(), LIVE)
    assert outcome.running == Some()
    assert outcome.told() == ["reloaded: no setting has changed"]
