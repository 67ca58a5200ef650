"""Memory bandwidth by the name of a chip or GPU: what bounds decoding. From the makers' data sheets."""

import functools
import re

GBPS: dict[str, float] = {
    # Apple: base, Pro, Max, Ultra. The larger variant of a chip that comes in two.
    **{"apple m1": 68, "apple m1 pro": 200, "apple m1 max": 400, "apple m1 ultra": 800},
    **{"apple m2": 100, "apple m2 pro": 200, "apple m2 max": 400, "apple m2 ultra": 800},
    **{"apple m3": 100, "apple m3 pro": 150, "apple m3 max": 400, "apple m3 ultra": 819},
    **{"apple m4": 120, "apple m4 pro": 273, "apple m4 max": 546},
    **{"apple m5": 153, "apple m5 pro": 307, "apple m5 max": 614},
    # NVIDIA, data centre
    **{"b300": 8000, "gb300": 8000, "b200": 8000, "gb200": 8000, "h200": 4800, "gh200": 4000, "gb10": 273},
    **{"h100": 3350, "h100 pcie": 2000, "h100 nvl": 3900, "h800": 3350, "h20": 4000},
    **{"a100": 2039, "a100 pcie 40gb": 1555, "a100 sxm4 40gb": 1555, "a100 80gb pcie": 1935, "a800": 2039},
    **{"a40": 696, "a30": 933, "a16": 200, "a10": 600, "a10g": 600, "a2": 200},
    **{"l40": 864, "l40s": 864, "l4": 300, "t4": 320, "t4g": 320},
    **{"v100": 900, "v100s": 1134, "p100": 732, "p40": 347, "p4": 192, "k80": 240},
    # NVIDIA, workstation
    **{"rtx pro 6000": 1792, "rtx 6000 ada": 960, "rtx 5000 ada": 576, "rtx 4000 ada": 360},
    **{"rtx a6000": 768, "rtx a5000": 768, "rtx a4000": 448, "quadro rtx 8000": 672, "quadro rtx 6000": 672},
    # NVIDIA, desktop and laptop
    **{"rtx 5090": 1792, "rtx 5080": 960, "rtx 5070 ti": 896, "rtx 5070": 672, "rtx 5060 ti": 448},
    **{"rtx 5060": 448, "rtx 5090 laptop": 896, "rtx 5080 laptop": 896},
    **{"rtx 4090": 1008, "rtx 4080 super": 736, "rtx 4080": 716, "rtx 4070 ti super": 672},
    **{"rtx 4070 ti": 504, "rtx 4070 super": 504, "rtx 4070": 504, "rtx 4060 ti": 288, "rtx 4060": 272},
    **{"rtx 4090 laptop": 576, "rtx 4080 laptop": 432, "rtx 4070 laptop": 256, "rtx 4060 laptop": 256},
    **{"rtx 3090 ti": 1008, "rtx 3090": 936, "rtx 3080 ti": 912, "rtx 3080": 760, "rtx 3070 ti": 608},
    **{"rtx 3070": 448, "rtx 3060 ti": 448, "rtx 3060": 360, "rtx 3080 laptop": 448, "rtx 3070 laptop": 448},
    **{"rtx 2080 ti": 616, "rtx 2080 super": 496, "rtx 2080": 448, "rtx 2070": 448, "rtx 2060": 336},
    **{"gtx 1080 ti": 484, "gtx 1080": 320, "gtx 1070": 256},
    # AMD
    **{"mi355x": 8000, "mi350x": 8000, "mi325x": 6000, "mi300x": 5300, "mi300a": 5300},
    **{"mi250x": 3277, "mi250": 3277, "mi210": 1638, "mi100": 1229, "mi50": 1024, "radeon vii": 1024},
    **{"rx 9070 xt": 640, "rx 9070": 640, "rx 9060 xt": 320},
    **{"rx 7900 xtx": 960, "rx 7900 xt": 800, "rx 7900 gre": 576, "rx 7800 xt": 624, "rx 7700 xt": 432},
    **{"rx 7600": 288, "pro w7900": 864, "pro w7800": 576},
    **{"rx 6950 xt": 576, "rx 6900 xt": 512, "rx 6800 xt": 512, "rx 6800": 512, "rx 6700 xt": 384},
    **{"ryzen ai max": 256},
}
"""GB/s."""
APPLE_UNKNOWN = re.compile(r"\bapple m[45] ultra\b")
"""Not announced: no smaller chip of the family may speak for it."""


@functools.cache
def bandwidth_gbps(name: str) -> float:
    """The longest entry whose words stand in `name` next to each other, whole; 0.0: unknown."""
    words = " ".join(re.findall(r"[a-z0-9]+", name.lower().replace("(tm)", " ").replace("(r)", " ")))
    if APPLE_UNKNOWN.search(words):
        return 0.0
    found = [entry for entry in GBPS if f" {entry} " in f" {words} "]
    return float(GBPS[max(found, key=len)]) if found else 0.0
