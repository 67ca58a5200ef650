"""What a model's files say of it, how much memory it takes, and where on this machine it fits.

gguf and safetensors read headers (never weights) -> shape and weights -> estimate (bytes) -> placement (which GPUs, how
many layers) -> unloading (what must go for it); correction learns what estimates were off by. Only `files`, `hf_files`
and `corrections_file` touch the disk; the rest is pure.
"""
