"""Glinthawk's `infer` behind HTTP, as a child process. Run it; do not import it.

    python glinthawk.py --infer PROGRAM --model-dir DIR --model NAME --vocabulary FILE --alias NAME [--batch 8] ...

Calls are gathered until a batch is full, or for `--gather` seconds; `infer` reads no fewer prompts than a batch has, so
a short one is filled with repetitions of its last prompt. It ignores max_tokens: what is beyond is cut here. It knows
tokens only: a text is split into the longest words of the vocabulary, which is not what the model was trained on where
its own tokeniser would split it otherwise; a prompt may be a list of tokens, too.

POST /v1/completions (never a stream), GET /v1/models, GET /health {status, waiting}. One line of JSON on standard
output when it can be asked: {"address", "pid", "engine_version"}. It ends with its standard input, `infer` with it.
Exit status: 1 the vocabulary cannot be read (a line that begins with "glinthawk worker: " says why), 2 wrong usage.
"""

import argparse
import hashlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

HOST = "127.0.0.1"
BODY_LIMIT = 16 * 2**20
WAITING_LIMIT = 4096
"""Calls that wait for a batch."""
DEFAULT_TOKENS = 256
LONGEST_WORD = 512
"""Bytes; a longer one is no vocabulary's."""
DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Refused(Exception):
    """The call is wrong; the text says how."""


class Vocabulary:
    """A file of words, each behind its length (4 bytes, little-endian), in the order of their tokens."""

    def __init__(self, data: bytes) -> None:
        self.words: list[bytes] = []
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 4], "little")
            if length > LONGEST_WORD or at + 4 + length > len(data):
                raise ValueError(f"the vocabulary is damaged at byte {at}")
            self.words.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        self._tokens = {word: token for token, word in reversed(list(enumerate(self.words)))}
        self._longest = max(map(len, self.words), default=0)

    def tokens(self, text: bytes) -> list[int]:
        """The longest word first. Raises Refused where none fits."""
        found, at = [], 0
        while at < len(text):
            ends = range(min(len(text), at + self._longest), at, -1)
            end = next((end for end in ends if text[at:end] in self._tokens), None)
            if end is None:
                raise Refused("the vocabulary has no word for a part of the prompt")
            found.append(self._tokens[text[at:end]])
            at = end
        return found

    def text(self, tokens: list[int]) -> str:
        """What they say; a token beyond the vocabulary says nothing."""
        said = b"".join(self.words[each] for each in tokens if 0 <= each < len(self.words))
        return said.decode("utf-8", "replace")


@dataclass
class Job:
    """One prompt and what becomes of it."""

    prompt: list[int]
    temperature: float
    most: int
    tokens: list[int] = field(default_factory=list)
    problem: str = ""
    done: threading.Event = field(default_factory=threading.Event)


def base58(data: bytes) -> str:
    """As Glinthawk writes its ids."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = DIGITS[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def prompt_line(job: Job, number: int) -> tuple[str, str]:
    """Its id, and the line that `infer` reads; the temperature is 0 to 255 there, 255 standing for 1."""
    key = base58(hashlib.sha256(f"{number}:{job.prompt}".encode()).digest())
    temperature = max(0, min(255, round(job.temperature * 255)))
    line = {"id": key, "prompt": job.prompt, "temperature": temperature, "max_tokens": job.most}
    return key, json.dumps(line | {"user_data": ""})


class Batches:
    """Gathers jobs and runs `infer` over them, one batch after the other."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._chosen = chosen
        self.waiting: queue.Queue[Job] = queue.Queue(WAITING_LIMIT)
        self.child: subprocess.Popen[bytes] | None = None

    def run(self) -> NoReturn:
        """For ever."""
        while True:
            jobs = self._gathered()
            try:
                self._infer(jobs)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                for job in jobs:
                    job.problem = f"{type(error).__name__}: {error}"[:200]
            for job in jobs:
                job.done.set()

    def _gathered(self) -> list[Job]:
        jobs = [self.waiting.get()]
        until = time.monotonic() + self._chosen.gather
        while len(jobs) < self._chosen.batch:
            try:
                jobs.append(self.waiting.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return jobs

    def _infer(self, jobs: list[Job]) -> None:
        with tempfile.TemporaryDirectory(prefix="glinthawk-") as place:
            asked, answered = Path(place) / "in.jsonl", Path(place) / "out.jsonl"
            filled = jobs + [jobs[-1]] * max(0, self._chosen.batch - len(jobs))
            lines = [prompt_line(job, number) for number, job in enumerate(filled)]
            asked.write_text("".join(line + "\n" for _, line in lines))
            self._run(self._command(jobs, asked, answered))
            told = [json.loads(line) for line in answered.read_text().splitlines() if line]
        found = {each["id"]: each["completion"] for each in told}
        for (key, _), job in zip(lines, jobs, strict=False):
            if key not in found:
                raise ValueError("infer left a prompt without a completion")
            job.tokens = [int(token) for token in found[key]]

    def _run(self, command: list[str]) -> None:
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno())
        try:
            status = self.child.wait(self._chosen.timeout)
        finally:
            self.child.kill()
            self.child.wait()
        if status:
            raise ValueError(f"it ended with status {status}")

    def _command(self, jobs: list[Job], asked: Path, answered: Path) -> list[str]:
        chosen, hottest = self._chosen, max(job.temperature for job in jobs)
        what = [chosen.infer, chosen.model_dir, chosen.model, "static", chosen.vocabulary]
        return [str(word) for word in (*what, chosen.batch, hottest, asked, answered)]


def job_of(body: dict[str, Any], vocabulary: Vocabulary, context: int) -> Job:
    """Raises Refused."""
    prompt = body.get("prompt")
    if isinstance(prompt, str):
        tokens = vocabulary.tokens(prompt.encode())
    elif isinstance(prompt, list) and all(type(each) is int for each in prompt):
        tokens = prompt
    else:
        raise Refused("prompt: a text or a list of tokens is needed")
    most = body.get("max_tokens")
    most = DEFAULT_TOKENS if most is None else most
    temperature = body.get("temperature", 0.0) or 0.0
    if type(most) is not int or most < 1 or not isinstance(temperature, int | float):
        raise Refused("max_tokens or temperature is no number that can be meant")
    if not tokens or len(tokens) >= context:
        raise Refused(f"a prompt may have 1 to {context - 1} tokens, this one has {len(tokens)}")
    return Job(tokens, float(temperature), min(most, context - len(tokens)))


def completion(job: Job, vocabulary: Vocabulary, alias: str) -> dict[str, Any]:
    """OpenAI's answer, cut where the caller wanted."""
    tokens = job.tokens[: job.most]
    why = "length" if len(job.tokens) > job.most else "stop"
    count, asked = len(tokens), len(job.prompt)
    return {
        **{"id": f"cmpl-{time.time_ns()}", "object": "text_completion", "created": int(time.time())},
        "model": alias,
        "choices": [{"index": 0, "text": vocabulary.text(tokens), "finish_reason": why, "logprobs": None}],
        "usage": {"prompt_tokens": asked, "completion_tokens": count, "total_tokens": asked + count},
    }


def handler(
    chosen: argparse.Namespace, vocabulary: Vocabulary, batches: Batches
) -> type[BaseHTTPRequestHandler]:
    """Answers each call in a thread of its own."""

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            """The two that tell of it."""
            model = {"id": chosen.alias, "object": "model", "max_model_len": chosen.context_length}
            if self.path == "/health":
                self._send({"status": "ok", "waiting": batches.waiting.qsize()})
            elif self.path == "/v1/models":
                self._send({"object": "list", "data": [model]})
            else:
                self._error(404, "no such path")

        def do_POST(self) -> None:
            """A completion."""
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != "/v1/completions" or not 0 < length <= BODY_LIMIT:
                return self._error(404, f"POST /v1/completions with at most {BODY_LIMIT} bytes")
            try:
                job = job_of(json.loads(self.rfile.read(length)), vocabulary, chosen.context_length)
                batches.waiting.put_nowait(job)
            except (Refused, ValueError, RecursionError, AttributeError) as error:
                return self._error(400, str(error))
            except queue.Full:
                return self._error(503, "too many calls wait for a batch")
            if not job.done.wait(2 * chosen.timeout):  # the batch before, and its own
                return self._error(503, "no batch was done in time")
            if job.problem:
                return self._error(500, f"infer failed: {job.problem}")
            return self._send(completion(job, vocabulary, chosen.alias))

        def _error(self, status: int, text: str) -> None:
            kind = "server_error" if status >= 500 else "invalid_request_error"
            self._send({"error": {"message": text, "type": kind, "param": None, "code": None}}, status)

        def _send(self, value: Any, status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Front


def parse_arguments() -> argparse.Namespace:
    """The command line. Ends the process with status 2 when it is wrong."""
    parser = argparse.ArgumentParser(description="Serve completions on 127.0.0.1 with Glinthawk's infer.")
    for name in ("infer", "model-dir", "model", "vocabulary", "alias"):
        parser.add_argument(f"--{name}", required=True)
    for name, default in (("batch", 8), ("context-length", 2048), ("port", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, seconds in (("gather", 2.0), ("timeout", 3600.0)):
        parser.add_argument(f"--{name}", type=float, default=seconds)
    return parser.parse_args()


def end_with_parent(batches: Batches) -> None:
    """Ends this process, and `infer`, when standard input ends or SIGTERM comes."""

    def end(*_: object) -> NoReturn:
        if batches.child is not None:
            batches.child.kill()
        os._exit(0)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serves until standard input ends."""
    chosen = parse_arguments()
    try:
        vocabulary = Vocabulary(Path(chosen.vocabulary).read_bytes())
    except (OSError, ValueError) as error:
        os.write(2, f"\nglinthawk worker: {error}\n".encode())
        sys.exit(1)
    batches = Batches(chosen)
    end_with_parent(batches)
    threading.Thread(target=batches.run, daemon=True).start()
    server = ThreadingHTTPServer((HOST, chosen.port), handler(chosen, vocabulary, batches))
    line = {"address": f"http://{HOST}:{server.server_address[1]}", "pid": os.getpid(), "engine_version": ""}
    print(json.dumps(line), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
