"""Which engines an agent uses: those that its owner names, else what is there. Builds them; a part of app.py."""

import asyncio
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from agent.building import Around, Supervise, built, kept_port
from agent.config import Settings
from agent.engines import ollama_start
from agent.engines.embedded_model import model_file
from agent.engines.engine import Engine
from agent.engines.engines_file import read_file
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.llamacpp import WORKER, LlamaCpp
from agent.engines.llamacpp_forms import LlamaCppForms
from agent.engines.llamacpp_placed import sees_gpus
from agent.engines.ollama import Ollama
from agent.engines.options import Started as StartedOptions
from agent.engines.port import KeptPort
from agent.engines.source import Source, Started
from agent.engines.wanted import Wanted, sections, wanted
from agent.loading.spec import LoadSpec
from agent.sensors.gpu import GpuSensor
from agent.supervision.admission import Admission, Unasked
from agent.supervision.events import Events
from agent.supervision.evidence import Patience
from agent.supervision.launch import Launch, Rung
from agent.supervision.places import settled
from agent.supervision.progress import Progress
from agent.supervisor import Supervisor
from agent.swapping.blueprint import Blueprint
from agent.swapping.orders import Wish
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
        self._ports: dict[str, KeptPort] = {}
        self.places: dict[str, tuple[Blueprint, str]] = {}
        """Of the engines that are started here: what they were made from, and their place. Told by `engines`."""
        self.others: dict[str, str] = {}
        """The words of those that are not. Told by `engines`."""

    async def engines(self) -> list[Engine]:
        """Those of --engine, else of engines.toml, else an Ollama if there is one and the embedded one if not.

        Raises WantedError.
        """
        if found := self._found():
            return [await self._made(each) for each in found]
        ollama = self._ollama_from()
        if (await ollama.look()).up:
            return [ollama]
        log.info("no Ollama at %s: starting the embedded engine", ollama.url)
        return [ollama, await self._made(Wanted("embedded", "embedded"))]

    def wish(self) -> Wish:
        """What --engine and engines.toml say now; nothing is made. Blocks for the disk. Raises WantedError."""
        found = self._found()
        blueprints = {each.name: self._blueprint(each) for each in found}
        if not found:  # what runs was not named: it stays
            return Wish({name: blueprint for name, (blueprint, _) in self.places.items()}, self.others)
        return Wish(
            {name: blueprint for name, blueprint in blueprints.items() if blueprint is not None},
            {each.name: repr(each) for each in found if blueprints[each.name] is None},
        )

    def _found(self) -> list[Wanted]:
        return wanted(self._settings.engine, sections(read_file(self._directory)), KINDS, BUILT_IN)

    async def _made(self, each: Wanted) -> Engine:
        blueprint = self._blueprint(each)
        if blueprint is None:
            self.others[each.name] = repr(each)
            around = self._around()
            return built(each, KINDS[each.kind], around) if each.options else await self._ollama()
        leftovers = KINDS[each.kind].contract(each.options).leftovers if each.options else ()
        place = await asyncio.to_thread(settled, self._directory, each.name, leftovers)
        self.places[each.name] = blueprint, place
        return blueprint.make(place)

    def _blueprint(self, each: Wanted) -> Blueprint | None:
        """None: the agent does not start it, or not in a way that knows of versions."""
        if each.kind == "embedded":
            model = model_file(self._settings.embedded_model)
            return Blueprint(
                name=each.name, model=str(model.path), served=model.name, settings="", make=self._embedded
            )
        kind, options = KINDS.get(each.kind), each.options
        if kind is None or kind.launch is None or not isinstance(options, StartedOptions) or options.url:
            return None
        port = kept_port(each.name, options, self._directory)
        if not options.port:  # then one for all of that name: it knows that the first is taken
            port = self._ports.setdefault(each.name, port)
        around = msgspec.structs.replace(self._around(), port=port)
        return Blueprint(
            name=each.name,
            model=options.model,
            served=options.name,
            settings=repr(each),
            make=lambda place: built(each, kind, msgspec.structs.replace(around, place=place)),
            fixed_port=options.port,
        )

    def _around(self) -> Around:
        timeout_s = self._settings.look_timeout
        return Around(
            self._session, self._directory, timeout_s, self._supervise(), self._which, self._admission
        )

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
            place: str,
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
                place=place,
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

    def _embedded(self, place: str) -> LlamaCpp:
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
            place=place,
        )
