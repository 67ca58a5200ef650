"""llama.cpp's HTTP server over one model file, as a child process. Run it; do not import it.

    python llamacpp.py --model FILE --alias NAME [--port 0] [--context-length 4096] [--slots 2]
    python llamacpp.py --list-devices

When the model is loaded it writes one line of JSON to standard output:
{"address": "http://127.0.0.1:PORT", "pid": N, "engine_version": "..."}. Everything llama.cpp logs goes
to standard error. Standard input must be a pipe that the parent holds open and writes nothing to: at its
end, which also comes when the parent is killed, the worker ends at once, loading or generating, by SIGIO
or with status 0. With --outlive SECONDS one that is ready goes on for so long without a parent, and for good
once somebody opens the (named) pipe again. SIGTERM ends it at once too.

Exit status: 1 the model cannot be served, 2 wrong usage, 3 xllamacpp is not installed. For 1 and 3 a line
on standard error that begins with "llamacpp worker: " says why.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

HOST = "127.0.0.1"
CANNOT_SERVE, NOT_INSTALLED = 1, 3
COMPLAINT = "llamacpp worker: "
PARENT_SECONDS = 0.2  # between looks whether there is a parent again
LOG_SECONDS = 0.1  # time for llama.cpp's own thread to log the details of a failure
# An embedding must fit in one physical batch, so the batch bounds its input (in tokens).
LARGEST_BATCH = 2048
# Prompts of past calls kept in host memory, in MiB; llama.cpp's own default is 8192.
PROMPT_CACHE_MIB = 512
# llama.cpp's level. Above it a line is logged for each call, and a bad one is quoted: words of callers.
ERRORS_ONLY = 1


def parse_arguments() -> argparse.Namespace:
    """The command line. Ends the process with status 2 when it is wrong."""
    parser = argparse.ArgumentParser(description="Serve one GGUF model on 127.0.0.1 with llama.cpp.")
    parser.add_argument("--model", type=Path, required=True, help="the GGUF file")
    parser.add_argument("--alias", required=True, help="the model's name in answers")
    parser.add_argument("--port", type=port_number, default=0, help="0 takes a free one")
    parser.add_argument("--context-length", type=positive, default=4096, help="tokens for each slot")
    parser.add_argument("--slots", type=positive, default=2, help="calls answered at once")
    parser.add_argument("--threads", type=positive, help="for computing; llama.cpp chooses by default")
    parser.add_argument("--gpu-layers", type=int, help="layers on the GPU; llama.cpp chooses by default")
    parser.add_argument(
        "--tensor-split", type=shares, help="of several GPUs, as 3,1; by their memory by default"
    )
    parser.add_argument("--kv-type", help="of the KV cache, as q8_0; llama.cpp chooses by default")
    parser.add_argument("--outlive", type=float, default=0.0, help="seconds without a parent, once ready")
    return parser.parse_args()


def positive(text: str) -> int:
    """A whole number of at least 1. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def shares(text: str) -> list[float]:
    """Positive numbers with commas between. Raises ValueError."""
    found = [float(each) for each in text.split(",")]
    if min(found) <= 0:
        raise ValueError(text)
    return found


def port_number(text: str) -> int:
    """A TCP port or 0. Raises ValueError."""
    number = int(text)
    if not 0 <= number < 65536:
        raise ValueError(text)
    return number


def give_up(status: int, reason: str) -> NoReturn:
    """End the process with one line on standard error, without waiting for llama.cpp's threads.

    One of them writes its log piece by piece, so this line is one write that begins with a line end.
    """
    os.write(2, f"\n{COMPLAINT}{' '.join(reason.split())}\n".encode())
    os._exit(status)


def claim_stdout() -> int:
    """Keep standard output for our one line: returns a descriptor of it, and points 1 at standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours


def end_with_parent() -> None:
    """End this process when standard input ends, even in the middle of a load or of a reply."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    ask_for_signal_at_end_of_input()
    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def end_without_parent(seconds: float) -> None:
    """End this process when standard input has had no other end for so long; instead of `end_with_parent`."""
    import select

    def watch() -> None:
        ends = select.poll()
        ends.register(0, 0)  # it tells of a hang-up unasked
        alone_since = time.monotonic()
        while time.monotonic() - alone_since < seconds:
            if not ends.poll(0):
                alone_since = time.monotonic()
            time.sleep(PARENT_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def ask_for_signal_at_end_of_input() -> None:
    """Let the kernel end this process by SIGIO when something happens on standard input.

    The thread above is not enough: the binding holds the interpreter's lock for as long as it loads a
    model, which may be minutes. Windows has no such signal; there the thread has to do.
    """
    if sys.platform != "win32":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def ask_for_no_signal() -> None:
    """From now on a thread can watch: the load is done."""
    import fcntl

    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) & ~os.O_ASYNC)


def list_devices() -> NoReturn:
    """What this build can compute on beside processors, as llama-server --list-devices writes it."""
    kinds = [(each["name"], each["description"], each["type"]) for each in import_engine().get_device_info()]
    print("Available devices:")
    for name, description, kind in kinds:
        if "GPU" in str(kind):
            print(f"  {name}: {description}")
    sys.exit(0)


def import_engine() -> ModuleType:
    """The binding. Ends the process with status 3 when it is not there."""
    try:
        return import_module("xllamacpp")
    except ImportError as error:
        give_up(
            NOT_INSTALLED, f"cannot import xllamacpp ({error}); in a clone of herd: pip install '.[embedded]'"
        )


def server_parameters(engine: ModuleType, arguments: argparse.Namespace) -> Any:
    """llama.cpp's settings for this worker."""
    parameters = engine.CommonParams()
    parameters.model.path = str(arguments.model)
    parameters.model_alias = {arguments.alias}
    parameters.hostnames = [HOST]
    parameters.port = arguments.port
    set_capacity(parameters, arguments)
    if arguments.kv_type is not None:
        parameters.cache_type_k = parameters.cache_type_v = kv_type(engine, arguments.kv_type)
    parameters.embedding = True
    parameters.pooling_type = engine.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.use_jinja = True
    parameters.endpoint_metrics = parameters.endpoint_slots = parameters.endpoint_props = True
    parameters.ui = False
    parameters.cors_origins = "localhost"  # the default lets any web page read a server on this machine
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.verbosity = ERRORS_ONLY
    parameters.warmup = False  # it only delays readiness
    return parameters


def set_capacity(parameters: Any, arguments: argparse.Namespace) -> None:
    """Context, slots, batch, threads and GPU layers; llama.cpp divides its context among the slots."""
    parameters.n_parallel = arguments.slots
    parameters.n_ctx = arguments.context_length * arguments.slots
    # Mean pooling makes llama.cpp abort at the start unless the slots divide the batch.
    batch = max(1, min(LARGEST_BATCH, parameters.n_ctx) // arguments.slots) * arguments.slots
    parameters.n_batch = parameters.n_ubatch = batch
    if arguments.threads is not None:
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = arguments.threads
    if arguments.gpu_layers is not None:
        parameters.n_gpu_layers = arguments.gpu_layers
    if arguments.tensor_split is not None:
        rest = len(parameters.tensor_split) - len(arguments.tensor_split)
        parameters.tensor_split = arguments.tensor_split + [0.0] * rest


def kv_type(engine: ModuleType, name: str) -> Any:
    """The binding's word for a type of tensor. Ends the process with status 1 where it has none."""
    types = engine.ggml_type
    found = next((value for key, value in vars(types).items() if key.lower() == f"ggml_type_{name}"), None)
    if found is None:
        give_up(CANNOT_SERVE, f"no KV cache of type {name}")
    return found


def start_server(engine: ModuleType, arguments: argparse.Namespace) -> Any:
    """The loaded and listening server. Ends the process with status 1 when that fails."""
    if not os.access(arguments.model, os.R_OK):  # llama.cpp's own reason would not say so
        give_up(CANNOT_SERVE, f"cannot read the model file {arguments.model}")
    try:
        return engine.Server(server_parameters(engine, arguments))
    except RuntimeError as error:
        time.sleep(LOG_SECONDS)
        give_up(CANNOT_SERVE, f"cannot serve {arguments.model}: {error}")


def report(descriptor: int, address: str) -> None:
    """Write the one line that says the worker is ready, and close standard output."""
    line = {"address": address, "pid": os.getpid(), "engine_version": f"xllamacpp {version('xllamacpp')}"}
    with os.fdopen(descriptor, "w") as output:
        output.write(json.dumps(line) + "\n")


def main() -> NoReturn:
    """Serve until standard input ends or a signal comes."""
    if sys.argv[1:] == ["--list-devices"]:
        list_devices()
    arguments = parse_arguments()
    # A crash must end the process at once; llama.cpp would first attach a debugger, if there is one.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler would wait for the load to end
    output = claim_stdout()
    outlives = arguments.outlive > 0 and sys.platform != "win32"
    if outlives:
        ask_for_signal_at_end_of_input()
    else:
        end_with_parent()
    server = start_server(import_engine(), arguments)
    if outlives:
        ask_for_no_signal()
        end_without_parent(arguments.outlive)
    report(output, server.listening_address)
    while True:
        threading.Event().wait()


if __name__ == "__main__":
    main()
