"""All kinds of engines that are not built in: one line each."""

from agent.engines import (
    deepspeed,
    glinthawk,
    headinfer,
    krasis,
    llama_server,
    serverlessllm,
    transformers_serve,
    upstream,
    vllm,
)

KINDS = {
    each.name: each
    for each in (
        llama_server.KIND,
        vllm.KIND,
        transformers_serve.KIND,
        deepspeed.KIND,
        headinfer.KIND,
        krasis.KIND,
        serverlessllm.KIND,
        glinthawk.KIND,
        upstream.KIND,
    )
}
BUILT_IN = ("ollama", "embedded")
"""They have settings of their own."""
