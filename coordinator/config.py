"""The coordinator's settings: FLEET_* in the environment or the env file, or a flag of `herd`."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from coordinator.access_settings import AccessSettings
from coordinator.core.limits import Limits, Weights
from coordinator.core.pulls import PullRules
from coordinator.core.room import GIB
from coordinator.core.warming import WarmRules
from shared.adverts import COORDINATORS, SERVICE_TYPE
from shared.constraints import EXPECTED
from shared.names import ModelName, normalise
from shared.settings import DEFAULT_DATA_DIR

PREFIX = "FLEET_"

Seconds = Annotated[float, Meta(ge=0)]
Points = Annotated[float, Meta(ge=0, le=1_000_000)]
Positive = Annotated[int, Meta(ge=1)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(AccessSettings, frozen=True, kw_only=True):
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
    policy: Annotated[Literal["weighted", "predictive"], _about("how signals become a choice")] = "predictive"
    heartbeat_timeout: Annotated[Seconds, _about("seconds of silence until a node is degraded")] = 15.0
    heartbeat_offline: Annotated[Seconds, _about("seconds of silence until a node is offline")] = 30.0
    settle_time: Annotated[
        Seconds, _about("seconds after the start in which an unknown model may turn up")
    ] = 10.0
    max_retries: Annotated[int, Meta(ge=0), _about("further nodes a failed call may try")] = 2
    hold_timeout: Annotated[Seconds, _about("seconds a call waits for a place")] = 30.0
    hold_loading_limit: Annotated[
        Seconds, _about("seconds a call waits at the longest while its model is being loaded")
    ] = 300.0
    hold_limit: Annotated[int, Meta(ge=0), _about("calls that may wait at once")] = 1_000
    hold_limit_per_model: Annotated[int, Meta(ge=0), _about("calls that may wait for one model")] = 1_000
    hold_tokens: Annotated[
        int, Meta(ge=0), _about("estimated tokens of the prompts that may wait for one model")
    ] = 4_000_000
    priority_ageing: Annotated[
        float, Meta(gt=0), _about("seconds of waiting that lift a call by one class")
    ] = 10.0
    priority_keys: Annotated[
        str, _about("file with the class of calls by API key; empty: `priorities` in the data directory")
    ] = ""
    trouble_time: Annotated[Seconds, _about("seconds a model on a node ranks last after a failure")] = 30.0
    retry_floor: Annotated[
        int, Meta(ge=0), _about("retries of the whole fleet that are always allowed, in any 10 s")
    ] = 30
    retry_share: Annotated[
        float, Meta(ge=0, le=10), _about("where that is more: part of the calls of the last 10 s")
    ] = 0.2
    circuit_failures: Annotated[
        Positive, _about("failures in a row until a model on a node gets no more calls, while another can")
    ] = 5
    circuit_time: Annotated[
        Seconds, _about("seconds of that; doubled, up to 300, by each failure of the first call after it")
    ] = 30.0
    stale_timeout: Annotated[Seconds, _about("seconds without progress until a running call is given up")] = (
        600.0
    )
    probe_engine_after: Annotated[
        Seconds,
        _about("seconds without progress until a call's engine is asked for a sign of life; 0: never"),
    ] = 60.0
    stop_grace: Annotated[Seconds, _about("seconds that running calls may still take at a stop")] = 5.0
    forget_time: Annotated[Seconds, _about("seconds after which a node that is offline is forgotten")] = (
        86_400.0
    )
    drain_deadline: Annotated[
        Seconds, _about("seconds that running calls of a drained node may take, where the order names none")
    ] = 600.0
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
    vram_fallback: Annotated[
        bool, _about("whether a loaded model of the same kind may answer instead of a cold load")
    ] = False
    allow_restricted: Annotated[
        bool, _about("whether calls that say nothing may use engines that cost money or serve batches only")
    ] = False
    context_protection: Annotated[
        Literal["strip", "warn", "passthrough"],
        _about(
            "num_ctx and prompts: strip (no reload for what is loaded, no prompt cut), warn (only tell) or passthrough"
        ),
    ] = "strip"
    dynamic_num_ctx: Annotated[
        bool, _about("whether calls that name no num_ctx are given one that the fleet chose for the model")
    ] = False
    num_ctx_auto_calculate: Annotated[
        bool,
        _about("whether it is chosen from what the calls of 7 days used, beside FLEET_NUM_CTX_OVERRIDES"),
    ] = False
    num_ctx_overrides: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[^=\s]+=[1-9]\d{0,7}\Z")], ...],
        Meta(extra={EXPECTED: "model=tokens,model=tokens"}),
        _about("contexts chosen by hand, model=8192,other:7b=4096"),
    ] = ()
    auto_pull: Annotated[bool, _about("whether a model that nobody has is pulled when it is asked for")] = (
        True
    )
    auto_pull_timeout: Annotated[Seconds, _about("seconds that a call waits for such a pull")] = 300.0
    auto_pull_max_gb: Annotated[
        float, Meta(gt=0, le=1_000_000), _about("GiB of the largest model that is pulled by itself")
    ] = 50.0
    auto_pull_allow: Annotated[
        tuple[str, ...], _about("patterns of the names that may be, as `qwen3*`; empty: all")
    ] = ()
    auto_pulls_per_hour: Annotated[Positive, _about("pulls by themselves that may begin within an hour")] = 10
    registry_url: Annotated[
        str,
        Meta(pattern=r"^https?://\S+\Z", extra={EXPECTED: "an address such as https://registry.ollama.ai"}),
        _about("the registry that is asked whether a model exists, and its size"),
    ] = "https://registry.ollama.ai"
    registry_hosts: Annotated[
        tuple[str, ...], _about("further registries whose models may be pulled by themselves, as `hf.co`")
    ] = ()
    registry_timeout: Annotated[
        float, Meta(gt=0, le=60), _about("seconds that a registry may take to answer")
    ] = 3.0
    pre_warm_threshold: Annotated[
        int, Meta(ge=0), _about("calls for one model from which it is loaded on a second node; 0: never")
    ] = 3
    pre_warm_after: Annotated[
        Seconds, _about("seconds for which they must have taken all places where it is loaded")
    ] = 5.0
    pre_warm_min_availability: Annotated[
        float,
        Meta(ge=0, le=1),
        _about("what its owner must leave of a machine on which models are loaded so"),
    ] = 0.6
    pinned_models: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[^@\s]+(@[^@\s]+)?\Z")], ...],
        Meta(extra={EXPECTED: "MODEL@NODE,MODEL"}),
        _about("models that stay loaded: MODEL@NODE, or MODEL on whichever node has room"),
    ] = ()
    pin_interval: Annotated[
        float, Meta(gt=0), _about("seconds between looks whether pinned models are loaded")
    ] = 60.0
    preload: Annotated[bool, _about("whether the models used most are loaded before they are asked for")] = (
        True
    )
    model_preload_max_count: Annotated[int, Meta(ge=0), _about("models that are kept loaded so")] = 3
    decision_retention_days: Annotated[
        int, Meta(ge=0), _about("days that the decisions in latency.db are kept; 0: as long as their rows")
    ] = 7
    score_model_hot: Annotated[Points, _about("weight of signal thermal")] = 50.0
    score_model_warm: Annotated[
        float, _about("points of signal thermal where the model left memory in the last half hour")
    ] = 30.0
    score_model_cold: Annotated[Points, _about("points of signal thermal where the model is on disk")] = 10.0
    score_memory_fit_max: Annotated[Points, _about("weight of signal memory_fit")] = 20.0
    score_queue_depth_max_penalty: Annotated[
        Points, _about("weight of signal queue_depth: its points at most")
    ] = 30.0
    score_queue_depth_penalty_per: Annotated[
        Points, _about("points of it for each call on the node, at median speed")
    ] = 6.0
    score_wait_time_max_penalty: Annotated[Points, _about("weight of signal wait_time")] = 25.0
    score_role_affinity_max: Annotated[Points, _about("weight of signal role_affinity")] = 15.0
    score_role_large_threshold_gb: Annotated[
        Points, _about("GB (10^9 bytes) above which a model belongs on a big machine")
    ] = 20.0
    score_role_small_threshold_gb: Annotated[
        Points, _about("GB below which a model belongs on a small one")
    ] = 8.0
    score_availability_trend_max: Annotated[Points, _about("weight of signal availability_trend")] = 10.0
    score_context_fit_max: Annotated[Points, _about("weight of signal context_fit")] = 15.0
    score_session_affinity_max: Annotated[
        Points, _about("points added where a conversation was served before")
    ] = 20.0
    score_prefix_affinity_max: Annotated[
        Points, _about("points added where a long beginning, shared with other calls, was served before")
    ] = 10.0

    def directory(self) -> Path:
        """Where everything is kept."""
        return Path(self.data_dir).expanduser()

    def database(self) -> Path:
        """The file of traces and latencies."""
        return self.directory() / "latency.db"

    def priorities(self) -> Path:
        """The file with the class of calls by API key."""
        return (
            Path(self.priority_keys).expanduser() if self.priority_keys else self.directory() / "priorities"
        )

    def limits(self) -> Limits:
        """What the core needs of it."""
        return Limits(
            beat_late_s=self.heartbeat_timeout,
            lease_s=self.heartbeat_offline,
            settle_s=self.settle_time,
            hold_s=self.hold_timeout,
            hold_loading_s=self.hold_loading_limit,
            held_calls=self.hold_limit,
            held_calls_per_model=self.hold_limit_per_model,
            held_tokens=self.hold_tokens,
            ageing_s=self.priority_ageing,
            retries=self.max_retries,
            trouble_s=self.trouble_time,
            retry_floor=self.retry_floor,
            retry_share=self.retry_share,
            circuit_failures=self.circuit_failures,
            circuit_open_s=self.circuit_time,
            stale_s=self.stale_timeout,
            probe_engine_after_s=self.probe_engine_after,
            substitute=self.vram_fallback,
            probe_every_s=self.probe_interval,
            forget_s=self.forget_time,
            context_protection=self.context_protection,
        )

    def contexts(self) -> dict[ModelName, int]:
        """FLEET_NUM_CTX_OVERRIDES, in tokens."""
        pairs = [each.partition("=") for each in self.num_ctx_overrides]
        return {normalise(name): int(tokens) for name, _, tokens in pairs}

    def pull_rules(self) -> PullRules:
        """What may be pulled by itself."""
        return PullRules(
            on=self.auto_pull,
            wait_s=self.auto_pull_timeout,
            allow=self.auto_pull_allow,
            largest_bytes=int(self.auto_pull_max_gb * GIB),
            per_hour=self.auto_pulls_per_hour,
        )

    def warm_rules(self) -> WarmRules:
        """What may be loaded before a call asks for it."""
        return WarmRules(
            threshold=self.pre_warm_threshold,
            after_s=self.pre_warm_after,
            min_availability=self.pre_warm_min_availability,
            preloads=self.model_preload_max_count,
        )

    def weights(self) -> Weights:
        """Points of the seven signals."""
        return Weights(
            thermal=self.score_model_hot,
            thermal_warm=self.score_model_warm,
            thermal_cold=self.score_model_cold,
            memory_fit=self.score_memory_fit_max,
            queue_depth=self.score_queue_depth_max_penalty,
            queue_depth_per=self.score_queue_depth_penalty_per,
            wait_time=self.score_wait_time_max_penalty,
            role_affinity=self.score_role_affinity_max,
            role_large_gb=self.score_role_large_threshold_gb,
            role_small_gb=self.score_role_small_threshold_gb,
            availability_trend=self.score_availability_trend_max,
            context_fit=self.score_context_fit_max,
            session_affinity=self.score_session_affinity_max,
            prefix_affinity=self.score_prefix_affinity_max,
        )
