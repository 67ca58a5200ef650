"""Everything that can go wrong with a call, as one tree.

FleetError                       status  another node may be tried
├── CallerFault                  400     no: the same call fails everywhere
│   ├── Forbidden                403
│   ├── ModelNotFound            404
│   │   └── ModelGone            404     yes: the engine has it no more, another may
│   ├── RouteNotFound            404
│   ├── MethodNotAllowed         405
│   ├── Conflict                 409
│   ├── NameTaken                400
│   ├── BodyTooLarge             413
│   ├── NotJson                  415
│   ├── WrongHost                421
│   ├── HeadersTooLarge          431
│   ├── EngineLacks              400     yes: another kind of engine may serve it
│   │   └── ContextExceeded      400     yes: where there is more context
│   └── EngineFault              4xx     the engine's own
├── NoAccess                     401
├── LimitReached                 429     no: the caller's own limit; carries Retry-After
├── Unavailable                  503     later: carries Retry-After
│   ├── QueueFull                503
│   └── Draining                 503     yes
├── CallerPaused                 408
├── EndedByOperator              410     no: a person wanted it to end
└── NodeFailure                  502     yes, while the caller has seen no byte
    ├── GatewayUnreachable       502     the node itself is suspect
    │   └── GatewayBroke         502     it had the call in its hands
    ├── EngineCrashed            502     it says itself that the call's process died
    ├── CrashesEngines           502     no: two engines are enough
    ├── EngineBusy               503     the engine's own queue is full
    ├── StreamBroken             502     bytes came, then stopped
    ├── TookTooLong              504     no: a whole answer may still have been coming
    └── Stuck                    504     no progress for too long
"""

from typing import ClassVar


class FleetError(Exception):
    """A call ended without an answer.

    `str(error)` is what the caller reads. `summary` is what logs and other callers may see: an engine's own words can
    repeat a prompt, so they are left out of it.
    """

    status: int = 500
    kind: ClassVar[str] = "server_error"
    """OpenAI's `error.type`."""
    code: ClassVar[str | None] = None
    """OpenAI's `error.code`."""
    elsewhere: ClassVar[bool] = False
    """Whether another node may be tried, as long as the caller has seen no byte."""

    def __init__(self, summary: str, *, said: str = "", retry_after: int | None = None) -> None:
        """`said`: the engine's own words; `retry_after`: whole seconds after which trying again makes sense."""
        super().__init__(f"{summary}: {said}" if said else summary)
        self.summary = summary
        self.retry_after = retry_after


class CallerFault(FleetError):
    """The call itself is wrong."""

    status = 400
    kind = "invalid_request_error"


class Forbidden(CallerFault):
    """This caller may not ask for it."""

    status = 403
    kind = "permission_error"
    code = "forbidden"


class ModelNotFound(CallerFault):
    """No node has this model."""

    status = 404
    code = "model_not_found"

    def __init__(self, summary: str, *, hint: str = "") -> None:
        """`hint`: names others, which not every caller may be told."""
        super().__init__(f"{summary}{hint}")
        self.without_hint = summary

    def further(self, words: str) -> "ModelNotFound":
        """The same, with a word more."""
        said = ModelNotFound(f"{self.summary}; {words}")
        said.without_hint = f"{self.without_hint}; {words}"
        return said


class ModelGone(ModelNotFound):
    """The node's last beat named the model; its engine, asked, has it no more."""

    elsewhere = True

    def __init__(self, said: str) -> None:
        """The engine's own words."""
        super().__init__(said)
        self.summary = "the engine has the model no more"


class RouteNotFound(CallerFault):
    """No such address."""

    status = 404
    code = "not_found"


class MethodNotAllowed(CallerFault):
    """The address exists, for other methods."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        """`allowed`: the value of the Allow header."""
        super().__init__(message)
        self.allowed = allowed


class Conflict(CallerFault):
    """The same is being done already."""

    status = 409
    code = "conflict"


class NameTaken(CallerFault):
    """A beat of one agent while another of the same name, started later, is alive."""


class BodyTooLarge(CallerFault):
    """More bytes than FLEET_BODY_LIMIT."""

    status = 413
    code = "request_too_large"


class NotJson(CallerFault):
    """A body of a type that it may not have here."""

    status = 415
    code = "unsupported_media_type"


class WrongHost(CallerFault):
    """The request names a host that is not this one."""

    status = 421
    kind = "permission_error"
    code = "wrong_host"


class HeadersTooLarge(CallerFault):
    """More bytes than FLEET_HEADER_LIMIT."""

    status = 431
    code = "headers_too_large"


class EngineLacks(CallerFault):
    """The engine that was chosen cannot be told what the call says: it was asked nothing."""

    elsewhere = True


class ContextExceeded(EngineLacks):
    """The prompt is longer than the context that it could have."""

    code = "context_length_exceeded"

    def __init__(self, summary: str, *, tokens: int = 0, context: int = 0, counted: bool = False) -> None:
        """Tokens of the prompt, and of the largest context; 0: unknown. `counted`: by an engine, not estimated."""
        super().__init__(summary)
        self.tokens = tokens
        self.context = context
        self.counted = counted


class EngineFault(CallerFault):
    """An engine found fault with the call; told on in the caller's dialect."""

    def __init__(self, said: str, *, status: int) -> None:
        """Both are the engine's own."""
        super().__init__(said)
        self.summary = f"the engine answered {status}"
        self.status = status


class NoAccess(FleetError):
    """The secret is missing or wrong."""

    status = 401
    kind = "invalid_request_error"
    code = "invalid_api_key"


class LimitReached(FleetError):
    """This caller has had what it may have for now, wherever the call would go."""

    status = 429
    kind = "rate_limit_error"
    code = "rate_limit_exceeded"


class Unavailable(FleetError):
    """Nobody can take the call now; somebody may later."""

    status = 503
    code = "no_capacity"


class QueueFull(Unavailable):
    """Too many calls are held already."""

    code = "queue_full"


class Draining(Unavailable):
    """This node takes no new calls; its running ones finish."""

    code = "draining"
    elsewhere = True


class NodeFailure(FleetError):
    """The chosen node or its engine failed."""

    status = 502
    code = "upstream_error"
    elsewhere = True


class GatewayUnreachable(NodeFailure):
    """No connection to the node's gateway, or it broke before an answer."""


class GatewayBroke(GatewayUnreachable):
    """The connection to the gateway broke while the node worked on the call."""


class EngineCrashed(NodeFailure):
    """The process that worked on the call died, by the engine's own word."""


class CrashesEngines(NodeFailure):
    """Engines broke while they worked on this call. It is not given to a further one."""

    code = "crashes_engines"
    elsewhere = False


class EngineBusy(NodeFailure):
    """The engine refused for want of room."""

    status = 503
    code = "engine_busy"


class StreamBroken(NodeFailure):
    """The answer began and stopped short of its end."""


class TookTooLong(NodeFailure):
    """A whole answer was not there in time. It may still have been coming: it is not begun anew elsewhere."""

    status = 504
    code = "deadline_exceeded"
    elsewhere = False


class CallerPaused(FleetError):
    """The caller has not read its answer, or not sent what it began, for too long: no fault of the node's."""

    status = 408
    code = "caller_paused"


class EndedByOperator(FleetError):
    """A person who runs the fleet ended the call. No client tries again by itself after this status."""

    status = 410
    code = "ended_by_operator"


class Stuck(NodeFailure):
    """The engine took the call and made no progress."""

    status = 504
    code = "no_progress"
