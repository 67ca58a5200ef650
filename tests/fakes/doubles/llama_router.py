"""A double of `llama-server` in router mode: models on disk, some loaded, `bad` ones that failed. It computes nothing.

As ran with 0.7.0/b11669.

    python llama_router.py --models a,b,bad --loaded a [--port P]
"""

import argparse
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fakes.doubles.openai_answers import Handler, serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", default="m")
    parser.add_argument("--loaded", default="")
    chosen = parser.parse_args()
    names, loaded = chosen.models.split(","), set(filter(None, chosen.loaded.split(",")))

    def entry(name: str) -> dict[str, object]:
        status: dict[str, object] = {"value": "loaded" if name in loaded else "unloaded"}
        return {"id": name, "status": status | ({"failed": True, "exit_code": 1} if name == "bad" else {})}

    class Api(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            parts = urlsplit(self.path)
            (model,) = parse_qs(parts.query).get("model", [""])
            if parts.path == "/models":
                self.send({"data": [entry(name) for name in names]})
            elif model not in loaded:
                self.send({"error": {"message": "model is not loaded", "code": 400}}, 400)
            elif parts.path == "/props":
                self.send({"total_slots": 2, "default_generation_settings": {"n_ctx": 512}})
            else:
                self.send([{"id": 0, "is_processing": False}, {"id": 1, "is_processing": False}])

        def do_POST(self) -> None:  # noqa: N802
            model = self.body().get("model")
            if model not in names:
                self.send({"error": {"message": "no such model", "code": 400}}, 400)
                return
            if self.path == "/models/unload":
                loaded.discard(model)
            self.send({"success": True})  # also for a load of a corrupt one

    serve(ThreadingHTTPServer(("127.0.0.1", chosen.port), Api))


if __name__ == "__main__":
    main()
