"""The programs that are measured, and those around them: each on its core, ended with the bench."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import psutil
from msgspec import Struct

REPOSITORY = Path(__file__).parent.parent.parent.parent
READY_S = 30.0
STOP_S = 8.0
POLL_S = 0.01
Side = Literal["measured", "load"]
T = TypeVar("T")


class NotReady(Exception):
    """A program did not start, or something did not come true in time; the text says which."""


class Cores(Struct, frozen=True):
    """Empty: nothing can be pinned here."""

    measured: tuple[int, ...] = ()
    load: tuple[int, ...] = ()

    def of(self, side: Side) -> tuple[int, ...]:
        """On which programs of that side run."""
        return self.measured if side == "measured" else self.load

    @property
    def words(self) -> str:
        """For the table's head."""
        if not self.measured:
            return "nothing is pinned: this platform or its one core does not let"
        return f"measured on core {self.measured[0]} alone, all else on {', '.join(map(str, self.load))}"


def cores() -> Cores:
    """One for what is measured, all others for the load."""
    if sys.platform != "linux":
        return Cores()
    mine = sorted(os.sched_getaffinity(0))
    return Cores((mine[-1],), tuple(mine[:-1])) if len(mine) > 1 else Cores()


def on(chosen: Sequence[int]) -> None:
    """This thread, and what it starts, runs there from now on."""
    if chosen and sys.platform == "linux":
        os.sched_setaffinity(0, chosen)


def many_files() -> int:
    """Lets this process and its children open as many files as the system allows; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Program:
    """A running child, with its own children."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._seen = psutil.Process(process.pid)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def cpu_s(self) -> float:
        """Seconds of processor time, of all its threads and children, since it started."""
        return sum(_cpu_s(each) for each in self._all())

    def rss_bytes(self) -> int:
        """Resident memory."""
        return sum(_of(each, lambda one: int(one.memory_info().rss), 0) for each in self._all())

    def line(self) -> str:
        """The next line that it prints. Raises NotReady at its end."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            raise NotReady(f"{self.name} ended early: {self.words()}")
        return line

    def write(self, text: str) -> None:
        """To its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def words(self) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-600:].strip()

    def check(self) -> None:
        """Raises NotReady where it has ended."""
        if self._process.poll() is not None:
            raise NotReady(f"{self.name} ended with {self._process.returncode}: {self.words()}")

    def stop(self) -> None:
        """Politely, then by force."""
        self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _all(self) -> list[psutil.Process]:
        none: list[psutil.Process] = []
        return [self._seen, *_of(self._seen, lambda one: one.children(recursive=True), none)]


def _of(process: psutil.Process, asked: Callable[[psutil.Process], T], otherwise: T) -> T:
    try:
        return asked(process)
    except psutil.Error:
        return otherwise


def _cpu_s(process: psutil.Process) -> float:
    """By the scheduler's own count where Linux tells it, else by the clock's ticks of 10 ms."""
    try:
        tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
        return sum(int((task / "schedstat").read_bytes().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        times = _of(process, lambda one: one.cpu_times(), None)
        return times.user + times.system if times else 0.0


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    log: Path,
    chosen: Sequence[int],
    *,
    environment: Mapping[str, str] | None = None,
    passed_files: Sequence[int] = (),
    talks: bool = True,
) -> Iterator[Program]:
    """Runs it on these cores until the block ends. `talks`: whether its standard output is read here, else it is kept
    with its log.
    """
    mine = os.sched_getaffinity(0) if sys.platform == "linux" else ()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        on(chosen)
        try:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=clean_environment() | dict(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else errors,
                stderr=errors,
                pass_fds=passed_files,
            )
        finally:
            on(tuple(mine))
    program = Program(name, process, log)
    try:
        yield program
    finally:
        program.stop()


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-m", module, *arguments]


def clean_environment() -> dict[str, str]:
    """Ours, without the settings of whoever runs this."""
    # Installed programs have their bytecode: where writing it is forbidden, each start compiles all of ours, 0.2 s.
    ours = ("FLEET_", "OLLAMA_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"FLEET_ENV_FILE": "/nonexistent/herd-bench", "PYTHONUNBUFFERED": "1"}


def until(condition: Callable[[], T], what: str, timeout_s: float = READY_S) -> T:
    """What `condition` gives once it is true. Raises NotReady past the time."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() >= deadline:
            raise NotReady(f"{what}: not within {timeout_s:g} s")
        time.sleep(POLL_S)
