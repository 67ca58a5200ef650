"""A double of Glinthawk's `infer`: at least a batch of prompts, max_tokens ignored. It computes nothing.

Each completion is the prompt's tokens backwards, twice. As ran with 61976e3.

    python infer.py DIR NAME static VOCABULARY BATCH TEMPERATURE IN.jsonl OUT.jsonl
"""

import json
import sys
from pathlib import Path


def main() -> None:
    _directory, name, kind, _vocabulary, batch, _temperature, asked, answered = sys.argv[1:]
    lines = [json.loads(line) for line in Path(asked).read_text().splitlines()]
    if kind not in ("static", "paged") or len(lines) < int(batch) or name == "broken":
        sys.stderr.write("Check failed: prompts\n")
        sys.exit(134)
    told = [line | {"completion": [*reversed(line["prompt"])] * 2} for line in lines]
    Path(answered).write_text("".join(json.dumps(line) + "\n" for line in told))


if __name__ == "__main__":
    main()
