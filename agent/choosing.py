"""Which engines an agent uses: those that its owner names, else what is there. Builds them; a part of app.py."""

import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from agent.building import Around, Supervise, built
from agent.config import Settings
from agent.engines import ollama_start
from agent.engines.embedded_model import model_file
from agent.engines.engine import Engine
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.llamacpp import WORKER, LlamaCpp
from agent.engines.llamacpp_forms import LlamaCppForms
from agent.engines.llamacpp_placed import sees_gpus
from agent.engines.ollama import Ollama
from agent.engines.source import Source, Started
from agent.engines.wanted import FILE, WantedError, sections, wanted
from agent.loading.spec import LoadSpec
from agent.sensors.gpu import GpuSensor
from agent.supervision.admission import Admission, Unasked
from agent.supervision.events import Events
from agent.supervision.evidence import Patience
from agent.supervision.launch import Launch, Rung
from agent.supervision.progress import Progress
from agent.supervisor import Supervisor
from shared.sockets import is_loopback

log = logging.getLogger("herd-node")


class Choice:
    """The engines of one agent. `directory`: the node's own."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        directory: Path,
        gpu: GpuSensor,
        ollama_url: str,
        events: Events,
        which: Callable[[str], str | None] = shutil.which,
        admission: Callable[[str, LoadSpec], Admission] = lambda _name, _spec: Unasked(),
    ) -> None:
        """`events`: where those that are started tell what happened to them. `admission`: of the node's account of
        loads, for an engine by its name.
        """
        self._settings = settings
        self._session = session
        self._directory = directory
        self._gpu = gpu
        self._url = ollama_url
        self._events = events
        self._which = which
        self._admission = admission

    async def engines(self) -> list[Engine]:
        """Those of --engine, else of engines.toml, else an Ollama if there is one and the embedded one if not.

        Raises WantedError.
        """
        settings = self._settings
        found = wanted(settings.engine, sections(read_file(self._directory)), KINDS, BUILT_IN)
        around = Around(
            self._session,
            self._directory,
            settings.look_timeout,
            self._supervise(),
            self._which,
            self._admission,
        )
        if found:
            return [
                built(each, KINDS[each.kind], around) if each.options else await self._built_in(each.kind)
                for each in found
            ]
        ollama = self._ollama_from()
        if (await ollama.look()).up:
            return [ollama]
        log.info("no Ollama at %s: starting the embedded engine", ollama.url)
        return [ollama, self._embedded()]

    async def _built_in(self, kind: str) -> Engine:
        return self._embedded() if kind == "embedded" else await self._ollama()

    def _supervise(self) -> Supervise:
        def supervise(
            name: str,
            launch: Callable[[Rung], Launch],
            *,
            model: str,
            rungs: tuple[Rung, ...],
            patience: Patience,
            progress: Progress,
            admission: Admission | None,
        ) -> Supervisor:
            return Supervisor(
                name,
                launch,
                self._directory,
                self._session,
                model=model,
                rungs=rungs,
                patience=patience,
                progress=progress,
                admission=admission,
                events=self._events,
            )

        return supervise

    async def _ollama(self) -> Ollama:
        """The one that runs; one to start where that is possible. Only for who names it: else it may be a service of
        the system that comes up later, whose port would be taken.
        """
        found = self._ollama_from()
        if not self._settings.start_ollama or (await found.look()).up:
            return found
        if (source := self._own_ollama()) is None:
            return found
        log.info("no Ollama at %s: starting one", self._url)
        return self._ollama_from(source)

    def _ollama_from(self, source: Source | None = None) -> Ollama:
        timeout_s = self._settings.look_timeout
        return Ollama(self._url, self._session, timeout_s, vram_bytes=self._gpu.vram_bytes, source=source)

    def _own_ollama(self) -> Source | None:
        """None: it would be another machine's, or is not installed."""
        parts, program = urlsplit(self._url), self._which(ollama_start.PROGRAM)
        if not is_loopback(self._url) or parts.port is None or program is None:
            return None
        port = parts.port
        return Started(
            Supervisor(
                "ollama",
                lambda rung: ollama_start.launch(program, port, rung),
                self._directory,
                self._session,
                rungs=ollama_start.RUNGS,
                events=self._events,
            )
        )

    async def _judged(self, forms: LlamaCppForms) -> tuple[LlamaCppForms, Admission]:
        """With the rung of fewer GPU layers where there are GPUs and this build of llama.cpp is for them."""
        if any(gpu.vram_total_bytes for gpu in await self._gpu.gpus()):
            usable = await sees_gpus((sys.executable, str(WORKER)), otherwise=False)
            forms = msgspec.structs.replace(forms, on_gpus=usable)
        return forms, self._admission(LlamaCpp.name, forms.spec())

    def _embedded(self) -> LlamaCpp:
        settings = self._settings
        return LlamaCpp(
            self._session,
            self._directory,
            model_file(settings.embedded_model),
            slots=settings.embedded_slots,
            context_length=settings.embedded_context,
            threads=settings.embedded_threads,
            start_timeout_s=settings.start_timeout,
            look_timeout_s=settings.look_timeout,
            outlive_s=settings.embedded_outlive,
            events=self._events,
            judged=self._judged,
        )


def read_file(directory: Path) -> str:
    """The node's engines.toml, else that of all agents of this data directory; empty where there is none.

    Blocks for the disk. Raises WantedError for one that cannot be read.
    """
    for place in (directory, directory.parent.parent):
        try:
            return (place / FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise WantedError(f"{place / FILE} cannot be read: {error}") from error
    return ""
