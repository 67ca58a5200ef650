"""A double of ServerlessLLM's head: `models` for `data`, never a stream, errors under 200, calls that wait for ever.

It is no ServerlessLLM and computes nothing; its head 0.8.0 was run, its router read.

    python serverlessllm.py --host H --port P --models a,b [--without-instance a] [--without-capacity b]
"""

import argparse
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fakes.doubles.openai_answers import Handler, serve, whole


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", default="m")
    parser.add_argument("--without-instance", default="")
    parser.add_argument("--without-capacity", default="")
    chosen = parser.parse_args()

    class Api(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path == "/health":
                self.send({"status": "ok"})  # also without a worker
            else:
                models = [{"id": name, "max_model_len": None} for name in chosen.models.split(",")]
                self.send({"object": "list", "models": models})

        def do_POST(self) -> None:  # noqa: N802
            asked = self.body()
            if asked["model"] == chosen.without_capacity:
                threading.Event().wait()
            elif asked["model"] == chosen.without_instance:
                self.send({"error": "Instance not found"})
            elif asked["model"] not in chosen.models.split(","):
                self.send_text(b"Internal Server Error", 500)
            else:
                self.send(whole(asked["model"]))  # whatever `stream` says

    serve(ThreadingHTTPServer((chosen.host, chosen.port), Api))


if __name__ == "__main__":
    main()
