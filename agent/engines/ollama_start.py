"""How an Ollama is started, where none runs and the program is on PATH. Pure.

Source read: ollama fb30760, August 2026: OLLAMA_HOST says where it listens; OLLAMA_NUM_PARALLEL, OLLAMA_CONTEXT_LENGTH
and OLLAMA_KV_CACHE_TYPE (with OLLAMA_FLASH_ATTENTION) bound its memory. It serves on when a runner of its dies.
"""

from agent.supervision.launch import Launch, ReadyPath, Rung, reached

PROGRAM = "ollama"
RUNGS = (Rung.AS_IT_WAS, Rung.FEWER_SLOTS, Rung.SMALLER_CONTEXT, Rung.QUANTISED_KV, Rung.CPU)
SMALL_CONTEXT = 4096
"""Tokens, on the rung of a smaller context: its own default on a small GPU."""
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"}


def launch(program: str, port: int, rung: Rung) -> Launch:
    """`program`: where it is."""
    environment = {"OLLAMA_HOST": f"127.0.0.1:{port}"}
    if reached(rung, Rung.FEWER_SLOTS):
        environment["OLLAMA_NUM_PARALLEL"] = "1"
    if reached(rung, Rung.SMALLER_CONTEXT):
        environment["OLLAMA_CONTEXT_LENGTH"] = str(SMALL_CONTEXT)
    if reached(rung, Rung.QUANTISED_KV):
        environment |= {"OLLAMA_KV_CACHE_TYPE": "q8_0", "OLLAMA_FLASH_ATTENTION": "1"}
    if reached(rung, Rung.CPU):
        environment |= NO_GPU
    return Launch(
        command=(program, "serve"),
        environment=environment,
        ready=ReadyPath(path="/api/version", health="/api/version"),
        port=port,
    )
