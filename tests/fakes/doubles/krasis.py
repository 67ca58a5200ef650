"""A double of Krasis: one connection at a time, an extra chunk, SIGTERM that waits, status 0 when it cannot bind.

It is no Krasis and computes nothing; written from what its source says (2a419dc).

    python krasis.py --model-path DIR --host H --port P [--registry DIR] [--pause SECONDS]
"""

import argparse
import json
import os
import signal
import sys
from http.server import HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fakes.doubles.openai_answers import Handler, chunks, serve, whole

CONTEXT = 8192


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", default="m")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8012)
    parser.add_argument("--registry", type=Path)
    parser.add_argument("--pause", type=float, default=0.0, help="before each event of a stream")
    parser.add_argument("--num-gpus")
    parser.add_argument("--kv-cache-mb")
    parser.add_argument("--krasis-threads")
    chosen = parser.parse_args()
    name = Path(chosen.model_path).name
    # Its handler of SIGTERM does not run inside the native loop: the signal waits for a later request.
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    if chosen.registry:
        entry = {"pid": os.getpid(), "port": chosen.port, "host": chosen.host, "model": name}
        (chosen.registry / f"{os.getpid()}.json").write_text(json.dumps(entry))

    class Api(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path == "/health":
                self.send({"status": "ok", "max_context_tokens": CONTEXT})
            elif self.path == "/v1/models":
                self.send({"object": "list", "data": [{"id": name, "object": "model"}]})
            else:
                self.send({"error": "not found"}, 404)

        def do_POST(self) -> None:  # noqa: N802
            if told:
                os._exit(0)
            asked = self.body()
            if asked.get("stream"):
                timing = {"choices": [], "krasis_timing": {"decode_tok_s": 10.0}}
                self.send_events([*chunks(name), timing, "[DONE]"], chosen.pause)
            else:
                self.send(whole(name))

    try:
        server = HTTPServer((chosen.host, chosen.port), Api)  # one after the other, in one thread
    except OSError as error:
        sys.stderr.write(f"cannot bind: {error}\n")
        sys.exit(0)
    serve(server)


if __name__ == "__main__":
    main()
