"""What random events are made of: engines, calls, errors."""

import inspect

from hypothesis import strategies as st

import shared.errors
from shared.errors import EngineBusy, EngineFault, FleetError, Unavailable
from shared.wire import Engine
from tests.fakes.builders import a_call, a_model, a_replica, an_engine

MODELS = ("a:latest", "b:latest", "big:latest")
GIB_OF = {"a:latest": 1.0, "b:latest": 1.0, "big:latest": 64.0}


def _error(kind: type[FleetError]) -> FleetError:
    if issubclass(kind, shared.errors.MethodNotAllowed):
        return kind("it failed", allowed="GET")
    if issubclass(kind, EngineFault):
        return kind("it failed", status=418)
    return (
        kind("it failed", retry_after=3) if issubclass(kind, Unavailable | EngineBusy) else kind("it failed")
    )


KINDS = [
    kind for kind in vars(shared.errors).values() if inspect.isclass(kind) and issubclass(kind, FleetError)
]
FREQUENT = [shared.errors.NodeFailure, shared.errors.StreamBroken, shared.errors.GatewayBroke]
ERRORS = st.sampled_from([_error(kind) for kind in KINDS + FREQUENT * 5])


@st.composite
def engines(draw: st.DrawFn) -> Engine:
    """Each model is absent, on disk, or in memory with one slot or two."""
    abilities = draw(st.sampled_from([(), (), ("chat",), ("chat", "tools")]))
    states = {name: draw(st.sampled_from(["1", "absent", "on disk", "2"])) for name in MODELS}
    return an_engine(
        *(
            a_model(name, gib=GIB_OF[name], abilities=abilities)
            for name in MODELS
            if states[name] != "absent"
        ),
        replicas=[a_replica(name, slots=int(state)) for name, state in states.items() if state.isdigit()],
        up=draw(st.sampled_from([True, True, True, False])),
        slots=2,
    )


CALLS = st.builds(
    lambda model, fallbacks, abilities, client, priority: a_call(
        "new", model, fallbacks=fallbacks, abilities=abilities, client=client, priority=priority
    ),
    st.sampled_from(["a:latest", "a:latest", "b:latest", "big:latest", "unknown:latest"]),
    st.sampled_from([(), (), (), ("b:latest",), ("unknown:latest", "a:latest")]),
    st.sampled_from([(), (), ("tools",)]),
    st.sampled_from(["x", "x", "y"]),
    st.sampled_from(["interactive", "interactive", "batch", "background"]),
)
