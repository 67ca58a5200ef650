"""How the signals become a choice: one policy a file."""

from coordinator.core.policies.policy import MakePolicy
from coordinator.core.policies.predictive import Predictive
from coordinator.core.policies.weighted import Weighted

POLICIES: dict[str, MakePolicy] = {"weighted": Weighted, "predictive": Predictive}
"""By the name that FLEET_POLICY takes."""
