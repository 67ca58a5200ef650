"""A double of `transformers serve`: no list of models, one name that it answers to, streams without `[DONE]`.

It computes nothing.

As ran with transformers 5.23.

    python transformers_serve.py serve MODEL [--device D] [--dtype T] --host H --port P
"""

import argparse
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fakes.doubles.openai_answers import Handler, chunks, serve, whole


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cut-after", type=int, help="events of a stream, after which it stops short")
    chosen = parser.parse_args()

    class Api(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path == "/health":
                self.send({"status": "ok"})
            else:
                self.send({"detail": "Internal Server Error"}, 500)

        def do_POST(self) -> None:  # noqa: N802
            asked = self.body()
            name = f"{chosen.model}@main"
            if asked.get("model") != chosen.model:
                self.send({"detail": f"Server is pinned to '{chosen.model}'"}, 400)
            elif asked.get("stream"):
                self.send_events(chunks(name)[: chosen.cut_after])
            else:
                self.send(whole(name))

    serve(ThreadingHTTPServer((chosen.host, chosen.port), Api))


if __name__ == "__main__":
    main()
