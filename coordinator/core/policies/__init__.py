"""How the signals become a choice: one policy a file."""

from coordinator.core.policies.policy import Policy
from coordinator.core.policies.weighted import WEIGHTED

POLICIES: dict[str, Policy] = {policy.name: policy for policy in (WEIGHTED,)}
"""By the name that FLEET_POLICY takes."""
