"""Context protection: no reload for a context that is there already, and no prompt that is cut in silence."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from msgspec.structs import replace

from coordinator.core.call import Call, Placement
from coordinator.core.candidate import Candidate
from coordinator.core.protection import UNTOUCHED, Mode, Protection
from shared.errors import ContextExceeded, FleetError
from shared.names import ModelName

UNKNOWN_DEFAULT = 4096
"""Ollama's least default, where a node's own is unknown."""
ANSWER_TOKENS = 512
"""Room for the answer, where a context is chosen for a prompt."""
TEMPLATE_TOKENS = 256
"""What a model's template may add to a prompt."""
BYTES_A_TOKEN = {"ollama": 1, "openai": 2}
"""The fewest. One is the truth; a call of OpenAI's must be translated to say that it may not be cut, so that for it two
have to do: less is found out afterwards."""
CHARACTERS_A_TOKEN = 8.0
"""The most, until a model was seen to take fewer."""
SMALL = 2048
"""No engine is loaded with less, unless somebody asked for it."""
SHORT_CHARS = 4096
"""A prompt of fewer fits every context that there is."""
CUT_EDGE = 1
"""An engine that cut a prompt may count one token less than the context."""

_TOO_LONG = re.compile(
    r"exceed_context_size|exceeds the (available )?context|longer than the context|context_length_exceeded"
)
_NUMBERS = (re.compile(r"n_prompt_tokens\W+(\d{1,10})"), re.compile(r"n_ctx\W+(\d{1,10})"))


def protect(
    mode: Mode,
    *,
    asked: int | None,
    estimated: int = 0,
    most: int = 0,
    loaded: int | None = None,
    default: int | None = None,
    maximum: int | None = None,
    override: int | None = None,
) -> Protection:
    """What to send to an engine that loads a model with the context that each call names.

    asked: num_ctx of the call; estimated, most: tokens of its prompt; loaded: context of the replica, None while there
    is none; default: that of the engine for this model; maximum: the model's own; override: the fleet's choice.
    """
    would = asked if asked is not None else _within(default, maximum)
    if mode == "passthrough":
        return Protection(asked=asked, loaded=loaded, context=_within(would, maximum))
    wanted = _wanted(asked, loaded, default, override)
    context = _within(_fitting(wanted, estimated), maximum)
    if mode == "warn":
        stands = Protection(asked=asked, loaded=loaded, context=_within(would, maximum))
        return replace(stands, action="warn") if context != would else stands
    made = Protection(
        asked=asked, loaded=loaded, context=context, whole_prompt=most > (context or UNKNOWN_DEFAULT)
    )
    if context == would:
        return replace(made, action="reload") if _grows(context, loaded) else made
    if context == loaded:
        return replace(made, action="pin", num_ctx=context)
    if asked is not None and context is not None and context < asked:
        return replace(made, action="limit", num_ctx=context)
    chosen = asked is None and override is not None and context == _within(override, maximum)
    return replace(made, action="override" if chosen else "enlarge", num_ctx=context)


def _wanted(asked: int | None, loaded: int | None, default: int | None, override: int | None) -> int | None:
    """Without a look at the prompt. What is loaded is never made smaller."""
    first = asked if asked is not None else override
    if loaded is not None:
        return max(loaded, first or 0)
    return first if first is not None else default


def _fitting(context: int | None, estimated: int) -> int | None:
    """Where the prompt would not fit: the next power of two that holds it and an answer."""
    if estimated <= (context or UNKNOWN_DEFAULT):
        return context
    return power_of_two(estimated + ANSWER_TOKENS)


def _within(context: int | None, maximum: int | None) -> int | None:
    return context if context is None or not maximum else min(context, maximum)


def _grows(context: int | None, loaded: int | None) -> bool:
    return context is not None and loaded is not None and context > loaded


def power_of_two(tokens: float) -> int:
    """The next one that is not less."""
    power = 1
    while power < tokens:
        power *= 2
    return power


def on(candidate: Candidate, call: Call, mode: Mode, override: int | None = None) -> Protection:
    """For that call on that place. An engine whose context is fixed when it starts is told nothing."""
    if candidate.fixed_context:
        return Protection(
            asked=call.num_ctx, loaded=candidate.context_length, context=candidate.context_length
        )
    whole, asked = is_whole(call), call.num_ctx
    most = most_tokens(call) if whole else 0
    estimated = call.estimated_tokens if whole else 0
    loaded, default = candidate.context_length, candidate.default_context
    if asked is None and override is None and loaded and loaded == default and most <= loaded:
        return UNTOUCHED
    if mode == "strip" and override is None and _holds(candidate, asked, estimated):  # as nearly always
        return _kept(asked, loaded, default, candidate.max_context, most > (loaded or 0))
    return protect(
        mode,
        asked=asked,
        estimated=estimated,
        most=most,
        loaded=loaded,
        default=default,
        maximum=candidate.max_context,
        override=override,
    )


def _holds(candidate: Candidate, asked: int | None, estimated: int) -> bool:
    """Whether what is loaded is what any call gets, and enough for this one."""
    loaded = candidate.context_length
    if not loaded or (candidate.max_context and candidate.max_context < loaded):
        return False
    return loaded >= estimated and loaded >= (asked or 0)


@lru_cache(maxsize=4_096)
def _kept(
    asked: int | None, loaded: int, default: int | None, maximum: int | None, longer: bool
) -> Protection:
    """Where what is loaded stays. `longer`: the prompt may be. Few contexts are in use, so few values are made."""
    return protect(
        "strip", asked=asked, most=loaded + longer, loaded=loaded, default=default, maximum=maximum
    )


# Which place


def rank(candidate: Candidate, call: Call) -> int:
    """0: it has the context that the call needs, or would be loaded with it. 1: it would have to be reloaded with more.
    2: it cannot have it.
    """
    return _rank(candidate, call, needed_tokens(call))


def _rank(candidate: Candidate, call: Call, needed: int) -> int:
    if candidate.context_length is not None and candidate.context_length >= needed:
        return 0
    if candidate.fixed_context:
        return 0 if candidate.context_length is None else 2
    if candidate.max_context:
        if is_whole(call) and call.estimated_tokens > candidate.max_context:
            return 2
        needed = min(needed, candidate.max_context)  # engines give no more, and say so to nobody
    return 0 if candidate.context_length is None or candidate.context_length >= needed else 1


def needed_tokens(call: Call) -> int:
    """Of context: what it asks for, and what its prompt takes."""
    asked, prompt = call.num_ctx or 0, call.estimated_tokens
    return prompt if prompt > asked and is_whole(call) else asked


def prompt_bucket(call: Call) -> int:
    """By the length of its prompt: a place may have the context that is asked for, and yet be too small for that."""
    return bucket(max(call.estimated_tokens, call.least_tokens)) if is_whole(call) else 0


def bucket(needed: int) -> int:
    """Calls of one bucket may stand in one line: places have enough context for all of them, or for none."""
    if needed <= SMALL:
        return 0
    step = power_of_two(needed) // 16
    return -(-needed // step) * step


def preferred(candidates: list[Candidate], call: Call) -> list[Candidate]:
    """Those of the lowest rank."""
    needed = needed_tokens(call)
    if needed <= SMALL and all((each.context_length or needed) >= needed for each in candidates):
        return candidates  # as nearly always: this is on the path of every call
    ranks = [_rank(each, call, needed) for each in candidates]
    best = min(ranks, default=0)
    return [each for each, own in zip(candidates, ranks, strict=True) if own == best]


# How long the prompt is


def is_whole(call: Call) -> bool:
    """Whether its prompt is to be read whole. An input of embeddings is the engine's to cut, unless its caller says no;
    any other prompt where its caller says so.
    """
    return call.operation != "embed" and not call.may_cut


def most_tokens(call: Call) -> int:
    """No prompt of so many bytes has more."""
    if not call.prompt_bytes:
        return 0
    return call.prompt_bytes // BYTES_A_TOKEN.get(call.dialect, 1) + TEMPLATE_TOKENS


def measured(call: Call, mode: Mode, characters_a_token: Callable[[ModelName], float]) -> Call:
    """With the tokens that its prompt has at the least, where a prompt that fits nowhere is refused."""
    if mode != "strip" or call.prompt_chars < SHORT_CHARS or not is_whole(call):
        return call
    most = max(map(characters_a_token, call.models))
    return replace(call, least_tokens=int(call.prompt_chars / most))


def ceiling(fixed: bool, context_length: int | None, max_context: int | None) -> int | None:
    """The largest context that a place can give; None: unknown."""
    return context_length if fixed else max_context or None


def too_long(tokens: int, context: int, *, counted: bool = False) -> ContextExceeded:
    """Tokens of the prompt, counted by an engine or estimated, and of the largest context; 0: unknown."""
    has = f"{'' if counted else 'about '}{tokens} tokens" if tokens else "too many tokens"
    limit = f"the largest context is {context} tokens" if context else "the engine has less context"
    text = f"the prompt is too long: it has {has}, {limit}"
    return ContextExceeded(text, tokens=tokens, context=context, counted=counted)


def exceeded(call: Call, contexts: Iterable[int]) -> ContextExceeded:
    """No place has enough: `contexts` are the largest that each could give."""
    return too_long(max(call.least_tokens, call.estimated_tokens), max(contexts))


# What an engine said


def overflow_told(body: bytes) -> ContextExceeded | None:
    """An engine's 400 for a prompt that is too long, whatever its dialect; None: it is about something else."""
    text = body[:4096].decode("utf-8", "replace")
    if not _TOO_LONG.search(text):
        return None
    tokens, context = (int(found[1]) if (found := each.search(text)) else 0 for each in _NUMBERS)
    return too_long(tokens, context, counted=bool(tokens))


def completed(error: FleetError, call: Call, context: int | None) -> FleetError:
    """The same error; where the engine did not tell both numbers, ours are named."""
    if not isinstance(error, ContextExceeded) or (error.tokens and error.context):
        return error
    return too_long(
        error.tokens or call.estimated_tokens, error.context or context or 0, counted=error.counted
    )


def counted(call: Call, error: FleetError) -> Call:
    """The call with the length that the engine counted, where that is news: no other place is asked in vain."""
    if not isinstance(error, ContextExceeded) or not error.counted or error.tokens <= call.least_tokens:
        return call
    return replace(call, least_tokens=error.tokens, estimated_tokens=error.tokens)


def overflow(call: Call, placement: Placement, prompt_tokens: int | None = None) -> str:
    """As X-Fleet-Context-Overflow and the trace say it: the prompt is estimated to be longer than its context, or was
    cut by the engine, which counted `prompt_tokens`. Empty: neither.
    """
    has = placement.protection.context or placement.context_length
    if not has:
        return ""
    words = f"estimated_tokens={call.estimated_tokens}; context_length={has}"
    if cut(call, has, prompt_tokens):
        return f"prompt_tokens={prompt_tokens}; {words}"
    return words if call.estimated_tokens > has and prompt_tokens is None else ""


def cut(call: Call, context: int | None, prompt_tokens: int | None) -> bool:
    """Whether an engine that answered had cut the prompt before, by its own count."""
    if call.operation == "embed" or not context or prompt_tokens is None:
        return False
    if prompt_tokens >= context - CUT_EDGE:
        return True
    # Engines that count what they did not find in their cache count little as well: only what cannot have fitted.
    return call.estimated_tokens > context and prompt_tokens < call.prompt_chars / CHARACTERS_A_TOKEN
