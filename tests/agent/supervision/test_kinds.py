"""Why a process ended, from lines that real engines wrote."""

import pytest

from agent.supervision.kinds import LONGEST_LINE, MOST_LINES, Doing, Kind, classified, signal_of

# Lines as engines write them, seen in runs or told in their issues.
LINES = [
    ("llama_kv_cache_init: failed to allocate buffer for kv cache", Kind.MEMORY),
    ("ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory", Kind.MEMORY),
    ("CUDA error: out of memory", Kind.MEMORY),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", Kind.MEMORY),
    ("ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory", Kind.MEMORY),
    ("model requires more system memory (9.1 GiB) than is available (7.0 GiB)", Kind.MEMORY),
    ("terminate called after throwing an instance of 'std::bad_alloc'", Kind.MEMORY),
    ("hipMalloc failed", Kind.MEMORY),
    ("CUDA error: an illegal memory access was encountered", Kind.POISONED),
    ("ggml_cuda_compute_forward: MUL_MAT failed; CUDA error 700", Kind.POISONED),
    ("NVRM: Xid (PCI:0000:01:00): 31, pid=1, MMU Fault", Kind.POISONED),
    ("ROCm error: unspecified launch failure", Kind.POISONED),
    ("Memory access fault by GPU node-1 on address 0x7f. Reason: Page not present", Kind.POISONED),
    ("HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception", Kind.POISONED),
    ("RuntimeError: CUDA error: device-side assert triggered", Kind.POISONED),
    ("start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8012", Kind.PORT),
    ("OSError: [Errno 98] Address already in use", Kind.PORT),
    ("tensor 'output.weight' data is not within the file bounds, model is corrupted", Kind.MODEL),
    ("llama_model_load: error loading model: unknown model architecture: 'x'", Kind.MODEL),
    ("gguf_init_from_file: invalid magic characters: 'PK', expected 'GGUF'", Kind.MODEL),
    ("tensor 'a' has invalid ggml type 99 (NONE)", Kind.MODEL),
    ("llamacpp worker: cannot read the model file /m.gguf", Kind.MODEL),
    ("llamacpp worker: cannot import xllamacpp (No module named 'xllamacpp')", Kind.CONFIGURATION),
    ("RuntimeError: operator torchvision::nms does not exist", Kind.CONFIGURATION),
    ("Unable to JIT load the async_io op due to it not being compatible", Kind.CONFIGURATION),
    ("CUDA error: no CUDA-capable device is detected", Kind.CONFIGURATION),
    ("RuntimeError: CUDA driver version is insufficient for CUDA runtime version", Kind.CONFIGURATION),
    ("ROCm error: invalid device function", Kind.CONFIGURATION),
    ("api_server.py: error: unrecognized arguments: --nonsense", Kind.CONFIGURATION),
]


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_a_line_tells_why_a_load_ended(line: str, kind: Kind) -> None:
    told = classified(1, Doing.LOADING, ["some word", line, "failed"])
    assert told.kind is kind
    assert told.lines
    assert told.lines[0] in line


@pytest.mark.parametrize(
    ("code", "doing", "kind"),
    [
        (0, Doing.LOADING, Kind.ENDED),  # a server that ends well has not done well
        (0, Doing.SERVING, Kind.ENDED),
        (1, Doing.LOADING, Kind.CRASHED),
        (1, Doing.SERVING, Kind.CRASHED),
        (2, Doing.LOADING, Kind.CONFIGURATION),  # wrong usage
        (3, Doing.LOADING, Kind.CONFIGURATION),  # our worker: not installed
        (127, Doing.LOADING, Kind.CONFIGURATION),
        (2, Doing.SERVING, Kind.CRASHED),
        (-11, Doing.SERVING, Kind.CRASHED),
        (-6, Doing.SERVING, Kind.CRASHED),
        (-7, Doing.SERVING, Kind.CRASHED),
        (134, Doing.SERVING, Kind.CRASHED),
        (-9, Doing.SERVING, Kind.KILLED),
        (-9, Doing.LOADING, Kind.MEMORY),  # nobody else kills what only loads
        (137, Doing.SERVING, Kind.KILLED),
        (247, Doing.SERVING, Kind.KILLED),  # DeepSpeed's launcher
        (-15, Doing.SERVING, Kind.KILLED),
        (None, Doing.SERVING, Kind.CRASHED),  # adopted: nobody knows
        (-9, Doing.WEDGED, Kind.WEDGED),  # ours
        (-9, Doing.TOO_SLOW, Kind.TOO_SLOW),
    ],
)
def test_without_a_line_the_code_tells(code: int | None, doing: Doing, kind: Kind) -> None:
    assert classified(code, doing, ["nothing of interest"]).kind is kind


def test_a_kill_by_the_kernel_is_want_of_memory() -> None:
    assert classified(-9, Doing.SERVING, [], kernel_killed=True).kind is Kind.MEMORY
    assert classified(None, Doing.SERVING, [], kernel_killed=True).kind is Kind.MEMORY
    assert classified(1, Doing.SERVING, [], kernel_killed=True).kind is Kind.CRASHED


def test_what_only_a_start_can_say_tells_nothing_of_one_that_served() -> None:
    line = "a file does not exist"
    assert classified(-11, Doing.SERVING, [line]).kind is Kind.CRASHED
    assert classified(-9, Doing.WEDGED, ["address already in use"]).kind is Kind.WEDGED


def test_a_wedge_after_a_gpu_error_is_the_gpus() -> None:
    """Health says ok and every call hangs."""
    assert classified(-9, Doing.WEDGED, ["CUDA error: illegal memory access"]).kind is Kind.POISONED


def test_a_server_that_could_not_bind_and_ended_with_zero_is_told_by_its_line() -> None:
    assert classified(0, Doing.LOADING, ["failed to bind 0.0.0.0:8012"]).kind is Kind.PORT


def test_evidence_is_short_and_begins_with_the_needle() -> None:
    """What stands before the needle may be a caller's words."""
    line = "a secret prompt; CUDA error: " + "x" * 1000
    lines = classified(1, Doing.SERVING, [line] * 100).lines
    assert len(lines) == MOST_LINES
    assert all(each.startswith("CUDA error") and len(each) <= LONGEST_LINE for each in lines)


@pytest.mark.parametrize(
    ("code", "number"),
    [(None, None), (0, None), (1, None), (-9, 9), (137, 9), (247, 9), (255, None), (2, None)],
)
def test_signals_are_read_through_launchers(code: int | None, number: int | None) -> None:
    assert signal_of(code) == number
