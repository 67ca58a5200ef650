"""The coordinator's settings: FLEET_* in the environment or the env file, or a flag of `herd`."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from coordinator.core.limits import Limits, Weights
from shared.adverts import COORDINATORS, SERVICE_TYPE
from shared.settings import DEFAULT_DATA_DIR, EXPECTED

PREFIX = "FLEET_"

Seconds = Annotated[float, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(Struct, frozen=True, kw_only=True):
    """Every setting with its default; README lists them all (a test sees to it)."""

    host: Annotated[str, _about("address to listen on; empty: every one, IPv4 and IPv6")] = ""
    port: Annotated[int, Meta(ge=0, le=65_535), _about("port to listen on; 0: any free one")] = 11435
    mdns: Annotated[bool, _about("whether it is advertised over mDNS, where it listens beyond loopback")] = (
        True
    )
    mdns_service_type: Annotated[
        str,
        Meta(pattern=SERVICE_TYPE, extra={EXPECTED: f"a type such as {COORDINATORS}"}),
        _about("the type under which it is advertised"),
    ] = COORDINATORS
    mdns_service_name: Annotated[str, _about("its name there; empty: the host's name")] = ""
    data_dir: Annotated[str, _about("where logs and state are kept")] = DEFAULT_DATA_DIR
    log_level: Annotated[Level, _about("level of the log file")] = "DEBUG"
    console_log_level: Annotated[Level, _about("level of the terminal")] = "INFO"
    policy: Annotated[Literal["weighted"], _about("how signals become a choice")] = "weighted"
    heartbeat_timeout: Annotated[Seconds, _about("seconds of silence until a node is degraded")] = 15.0
    heartbeat_offline: Annotated[Seconds, _about("seconds of silence until a node is offline")] = 30.0
    settle_time: Annotated[
        Seconds, _about("seconds after the start in which an unknown model may turn up")
    ] = 10.0
    max_retries: Annotated[int, Meta(ge=0), _about("further nodes a failed call may try")] = 2
    hold_timeout: Annotated[Seconds, _about("seconds a call waits for a place")] = 30.0
    hold_limit: Annotated[int, Meta(ge=0), _about("calls that may wait at once")] = 1_000
    trouble_time: Annotated[Seconds, _about("seconds a model on a node ranks last after a failure")] = 30.0
    stale_timeout: Annotated[Seconds, _about("seconds without progress until a running call is given up")] = (
        600.0
    )
    stop_grace: Annotated[Seconds, _about("seconds that running calls may still take at a stop")] = 5.0
    forget_time: Annotated[Seconds, _about("seconds after which a node that is offline is forgotten")] = (
        86_400.0
    )
    connect_timeout: Annotated[Seconds, _about("seconds to reach a node's gateway")] = 4.0
    probe_interval: Annotated[Seconds, _about("seconds between probes of a gateway that does not answer")] = (
        2.0
    )
    body_limit: Annotated[Positive, _about("bytes of a request body")] = 32 * 2**20
    bodies_limit: Annotated[Positive, _about("bytes of all request bodies in memory together")] = 2**30
    header_limit: Annotated[Positive, _about("bytes of all request headers together")] = 32 * 2**10
    beat_limit: Annotated[Positive, _about("bytes of a heartbeat")] = 4 * 2**20
    buffer_limit: Annotated[
        Positive, _about("bytes of a whole answer kept back so that a failure can be retried")
    ] = 8 * 2**20
    whole_limit: Annotated[Positive, _about("bytes of an answer that has to be translated whole")] = (
        64 * 2**20
    )
    frame_limit: Annotated[Positive, _about("bytes of one line or event of a stream")] = 2**20
    trace_retention_days: Annotated[
        int, Meta(ge=0), _about("days that rows of latency.db are kept; 0: for ever")
    ] = 90
    decision_retention_days: Annotated[
        int, Meta(ge=0), _about("days that the decisions in latency.db are kept; 0: as long as their rows")
    ] = 7
    score_model_hot: Annotated[float, _about("weight of signal thermal")] = 50.0
    score_memory_fit_max: Annotated[float, _about("weight of signal memory_fit")] = 20.0
    score_queue_depth_max_penalty: Annotated[float, _about("weight of signal queue_depth")] = 30.0
    score_wait_time_max_penalty: Annotated[float, _about("weight of signal wait_time")] = 25.0
    score_role_affinity_max: Annotated[float, _about("weight of signal role_affinity")] = 15.0
    score_availability_trend_max: Annotated[float, _about("weight of signal availability_trend")] = 10.0
    score_context_fit_max: Annotated[float, _about("weight of signal context_fit")] = 15.0

    def directory(self) -> Path:
        """Where everything is kept."""
        return Path(self.data_dir).expanduser()

    def database(self) -> Path:
        """The file of traces and latencies."""
        return self.directory() / "latency.db"

    def limits(self) -> Limits:
        """What the core needs of it."""
        return Limits(
            beat_late_s=self.heartbeat_timeout,
            lease_s=self.heartbeat_offline,
            settle_s=self.settle_time,
            hold_s=self.hold_timeout,
            held_calls=self.hold_limit,
            retries=self.max_retries,
            trouble_s=self.trouble_time,
            stale_s=self.stale_timeout,
            probe_every_s=self.probe_interval,
            forget_s=self.forget_time,
        )

    def weights(self) -> Weights:
        """Points of the seven signals."""
        return Weights(
            thermal=self.score_model_hot,
            memory_fit=self.score_memory_fit_max,
            queue_depth=self.score_queue_depth_max_penalty,
            wait_time=self.score_wait_time_max_penalty,
            role_affinity=self.score_role_affinity_max,
            availability_trend=self.score_availability_trend_max,
            context_fit=self.score_context_fit_max,
        )
