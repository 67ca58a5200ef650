"""The ways in which weights are written down in a GGUF file, and which of them llama.cpp serves here.

Source: ggml's own table as the llama.cpp of our extra `embedded` has it (xllamacpp 2026.10.11549: ggml_type_name,
ggml_blck_size and ggml_type_size for 0 to 42, its GGML_TYPE_COUNT is 43); tests compare this table with it.
"""

from typing import NamedTuple

from agent.models.refusal import ModelRefused


class TensorType(NamedTuple):
    """`weights` of a block are together in `bytes`."""

    name: str
    weights: int
    bytes: int


SERVED = {
    0: TensorType("F32", 1, 4),
    1: TensorType("F16", 1, 2),
    2: TensorType("Q4_0", 32, 18),
    3: TensorType("Q4_1", 32, 20),
    6: TensorType("Q5_0", 32, 22),
    7: TensorType("Q5_1", 32, 24),
    8: TensorType("Q8_0", 32, 34),
    10: TensorType("Q2_K", 256, 84),
    11: TensorType("Q3_K", 256, 110),
    12: TensorType("Q4_K", 256, 144),
    13: TensorType("Q5_K", 256, 176),
    14: TensorType("Q6_K", 256, 210),
    16: TensorType("IQ2_XXS", 256, 66),
    17: TensorType("IQ2_XS", 256, 74),
    18: TensorType("IQ3_XXS", 256, 98),
    19: TensorType("IQ1_S", 256, 50),
    20: TensorType("IQ4_NL", 32, 18),
    21: TensorType("IQ3_S", 256, 110),
    22: TensorType("IQ2_S", 256, 82),
    23: TensorType("IQ4_XS", 256, 136),
    24: TensorType("I8", 1, 1),
    25: TensorType("I16", 1, 2),
    26: TensorType("I32", 1, 4),
    27: TensorType("I64", 1, 8),
    28: TensorType("F64", 1, 8),
    29: TensorType("IQ1_M", 256, 56),
    30: TensorType("BF16", 1, 2),
    34: TensorType("TQ1_0", 256, 54),
    35: TensorType("TQ2_0", 256, 66),
    39: TensorType("MXFP4", 32, 17),
    40: TensorType("NVFP4", 64, 36),
    41: TensorType("Q1_0", 128, 18),
    42: TensorType("Q2_0", 64, 18),
}
"""By ggml's number."""

REMOVED = {
    4: "Q4_2",
    5: "Q4_3",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
}
"""llama.cpp read them once."""

FOR_COMPUTING = {9: "Q8_1", 15: "Q8_K"}
"""Made while computing; ggml knows their size, but has nothing to turn them back into numbers (no `to_float`)."""

OF_ANOTHER_PROGRAM = {
    133: "Q6_0",
    134: "IQ1_BN",
    135: "IQ2_BN",
    137: "IQ2_K",
    138: "IQ3_K",
    139: "IQ4_K",
    140: "IQ5_K",
    141: "IQ6_K",
    144: "IQ4_KS",
    145: "IQ2_KS",
    146: "IQ4_KSS",
    152: "IQ5_KS",
    153: "IQ2_KT",
    154: "IQ3_KT",
    155: "IQ4_KT",
    156: "IQ3_KS",
    157: "IQ2_KL",
    158: "IQ1_KT",
}
"""Those of ik_llama.cpp, which writes them into GGUF files too."""

BY_NAME = {kind.name: kind for kind in SERVED.values()}

FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}
"""What general.file_type says of a file as a whole (LLAMA_FTYPE of llama.cpp, of the same version)."""


def tensor_type(number: int, tensor: str) -> TensorType:
    """Of a tensor that the file calls `tensor`. Raises ModelRefused, which names the quantisation if it has a name."""
    served = SERVED.get(number)
    if served is None:
        raise ModelRefused(
            f"{_called(number)} of {tensor} is not one that this llama.cpp serves{_why(number)}"
        )
    return served


def row_bytes(kind: TensorType, numbers: int) -> int:
    """Of so many numbers in a row, in whole blocks."""
    return -(-numbers // kind.weights) * kind.bytes


def _called(number: int) -> str:
    known = REMOVED | FOR_COMPUTING | OF_ANOTHER_PROGRAM
    return f"quantisation {known[number]}" if number in known else f"quantisation number {number}"


def _why(number: int) -> str:
    if number in REMOVED:
        return ": it was removed; take the same model as Q4_0 or IQ4_NL, which are repacked at load"
    if number in OF_ANOTHER_PROGRAM:
        return ": it is ik_llama.cpp's own"
    if number in FOR_COMPUTING:
        return ": it is for computing, not for keeping weights"
    return ": it may be of a newer one"
