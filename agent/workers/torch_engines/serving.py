"""From a loaded model to a door that is open: what both programs do alike."""

from __future__ import annotations

import argparse
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from .asked import Sampling
from .front import Served, door
from .models import Reader, defaults
from .process import CANNOT_SERVE, HOST, give_up, report
from .turns import Machine, Turns


def parser(about: str) -> argparse.ArgumentParser:
    """With the arguments that both have."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--model", required=True, help="the directory with config.json, weights and tokenizer")
    made.add_argument("--alias", required=True, help="the model's name in answers")
    made.add_argument("--port", type=int, default=0, help="0 takes a free one")
    made.add_argument("--device", default="", help="cpu or cuda; empty: cuda where there is one")
    made.add_argument("--dtype", default="auto", help="float32, bfloat16, float16; auto: the model's own")
    made.add_argument(
        "--context-length", type=positive, help="tokens for each call, if there is memory for them"
    )
    made.add_argument(
        "--chunk", type=positive, default=512, help="tokens of a prompt that are read at a time"
    )
    made.add_argument("--threads", type=positive, help="of the processor; torch chooses by default")
    return made


def positive(text: str) -> int:
    """A whole number of at least 1. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def device_of(told: str) -> str:
    """Where it is computed."""
    import torch

    return told or ("cuda" if torch.cuda.is_available() else "cpu")


def set_threads(count: int | None) -> None:
    """Of the processor."""
    import torch

    if count is not None:
        torch.set_num_threads(count)


def serve(
    chosen: argparse.Namespace,
    machine: Machine,
    model: Any,
    *,
    engine: str,
    how: str,
    version: str,
    context: int,
    slots: int,
    output: Callable[[], int],
    pid: int,
    fault_s: float = 0.0,
) -> NoReturn:
    """Until the process is ended. `output`: gives the descriptor for the line; `fault_s`: as `broken` has it."""
    from .choosing import Chooser

    generation = getattr(model, "generation_config", None)
    reader, turns = Reader(chosen.model), Turns(machine, Chooser(), slots, chosen.chunk)
    served = Served(
        chosen.alias,
        engine,
        how,
        version,
        context,
        slots,
        reader,
        reader.ends(generation),
        defaults(generation) if generation is not None else Sampling(),
        turns,
    )
    opened = door(chosen.port, served)
    threading.Thread(target=opened.serve_forever, name="door", daemon=True).start()
    report(output(), f"http://{HOST}:{opened.server_address[1]}", pid, f"{version}, {how}")
    try:
        turns.run()
    except BaseException:  # whatever it is: an orderly end would wait for torch's threads
        broken(engine, fault_s)


def broken(engine: str, fault_s: float) -> NoReturn:
    """A fault while computing: what the model holds can be trusted no more. Tells where, without any caller's words,
    and ends after `fault_s`.
    """
    traceback.print_exc()
    time.sleep(fault_s)
    give_up(engine, CANNOT_SERVE, "a fault while computing, see above")
