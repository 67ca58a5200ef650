"""CUDA_VISIBLE_DEVICES and its kin."""

import pytest

from agent.loading.visible import bounded_by_owner, visible
from tests.agent.models.test_placement import card

CARDS = [card(0, 24), card(1, 24), card(0, 16, maker="amd"), card(1, 16, maker="amd")]


@pytest.mark.parametrize(
    ("environment", "seen"),
    [
        ({}, ["n0", "n1", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["n1", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, ["n1", "n0", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1"}, ["n1", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "0,7,1"}, ["n0", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "0,0"}, ["n0", "a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ["a0", "a1"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, ["a0", "a1"]),
        ({"HIP_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "-1"}, ["a1"]),
        ({"ROCR_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "1"}, ["n0", "n1"]),
        ({"PATH": "/bin"}, ["n0", "n1", "a0", "a1"]),
    ],
)
def test_what_an_engine_may_see(environment: dict[str, str], seen: list[str]) -> None:
    assert [f"{each.maker[0]}{each.index}" for each in visible(CARDS, environment)] == seen
    assert bounded_by_owner(environment) == (environment.keys() != {"PATH"} and bool(environment))
