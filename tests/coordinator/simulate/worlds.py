"""Small worlds for tests: machines that are what they claim, unless a test says otherwise."""

from collections.abc import Sequence

from msgspec.structs import replace

from coordinator.core.limits import Limits
from coordinator.core.policies.weighted import Weighted
from coordinator.simulate.fleets import App, FleetSpec, MachineSpec, ModelSpec
from coordinator.simulate.run import Ran, run
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.world import World, world

MODEL = ModelSpec(name="small:1b", size_gb=1.0, apps=(App(prompt=200, answer=50),))
MACHINE = MachineSpec(name="node", memory_gb=64, bandwidth_gbps=100, disk_gbps=1, loaded=["small:1b"])


def a_fleet(*machines: MachineSpec, models: Sequence[ModelSpec] = (MODEL,), **changed: object) -> FleetSpec:
    """Every machine is as fast as it says, and models stay in memory."""
    told = FleetSpec(about="", machine=list(machines), model=list(models), spread=(1.0, 1.0))
    return replace(told, **({"keep_alive_s": 1e9} | changed))


def nodes(count: int, **changed: object) -> MachineSpec:
    """So many alike, with the model in memory."""
    return replace(MACHINE, count=count, **changed)


def a_job(at: float = 0.0, *, prompt: int = 200, answer: int = 50, **changed: object) -> Job:
    """A call for the one model."""
    job = Job(at=at, model=MODEL.name, prompt=prompt, answer=answer, estimated=prompt, client="somebody")
    return replace(job, **changed)


def ran(fleet: FleetSpec, jobs: Sequence[Job], seed: int = 1) -> Ran:
    """Under policy `weighted` and the product's limits."""
    return run(world(fleet, seed), jobs, Weighted, Limits())


def a_world(fleet: FleetSpec, seed: int = 1) -> World:
    """Of that fleet."""
    return world(fleet, seed)
