"""What a model registry tells of a model before anything of it is downloaded: whether it exists, and its size.

Contract (Ollama's registry speaks the manifests of Docker's Registry API v2): GET /v2/NAMESPACE/NAME/manifests/TAG
with Accept: application/vnd.docker.distribution.manifest.v2+json -> {config{size}, layers: [{mediaType, size}]}; 404
for an unknown name or tag. Weights are layers of type application/vnd.ollama.image.model, or .tensor; a model that its
maker's servers run has none.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from shared import __version__
from shared.destinations.pinning import Pinned
from shared.destinations.rules import CONFIGURED
from shared.names import ModelName
from shared.sockets import is_loopback, why_not

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_LIMIT = 2**20
"""Bytes; one of many tensors has some thousand layers."""
LARGEST = 2**53
AT_ONCE = 4
DOWN_FOR_S = 30.0
"""A registry that did not answer is not asked again for so long."""
OWN_HOSTS = frozenset({"registry.ollama.ai", "ollama.com"})
"""Names of the default registry."""
WEIGHTS = ("application/vnd.ollama.image.model", "application/vnd.ollama.image.tensor")

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::\d{1,5})?")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")

_CONNECTION_ERRORS = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


class NotToBeHad(Exception):
    """Why the registry gives no such model; the text follows "not found;"."""


class RegistryDown(Exception):
    """It gave no answer that means anything."""


class Reference(Struct, frozen=True):
    """A model as a registry knows it. An empty `host` is the default registry."""

    host: str
    repository: str
    """NAMESPACE/NAME"""
    tag: str


class _Blob(Struct):
    mediaType: str = ""  # noqa: N815 - the registry's spelling
    size: int = 0


class _Manifest(Struct):
    layers: list[_Blob] | None = None
    config: _Blob | None = None


def reference(model: ModelName) -> Reference | None:
    """[HOST/][NAMESPACE/]NAME:TAG; None for a name that no registry can have."""
    path, _, tag = model.rpartition(":")
    parts = path.split("/")
    host = parts.pop(0) if len(parts) == 3 else ""
    if len(parts) == 1:
        parts.insert(0, "library")
    if len(parts) != 2 or not all(_PART.fullmatch(part) and ".." not in part for part in (*parts, tag)):
        return None
    if host and not _HOST.fullmatch(host):
        return None
    return Reference("" if host.lower() in OWN_HOSTS else host.lower(), "/".join(parts), tag)


class Registry:
    """`hosts`: further registries that may be asked, beside the default one at `url`."""

    def __init__(
        self,
        url: str,
        hosts: tuple[str, ...],
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Must be made inside a running loop."""
        self._url = url.rstrip("/")
        self._hosts = frozenset(host.lower() for host in hosts)
        self._timeout_s = timeout_s
        self._clock = clock
        self._down: dict[str, tuple[float, str]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=AT_ONCE, resolver=Pinned(CONFIGURED)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=not is_loopback(url),  # a proxy of the environment is for what is far away
            headers={"User-Agent": f"herd/{__version__}", "Accept": MANIFEST},
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def size(self, model: ModelName) -> int:
        """Bytes that a pull would bring. Raises NotToBeHad, RegistryDown."""
        wanted = reference(model)
        if wanted is None:
            raise NotToBeHad("no registry can have a model of that name")
        if wanted.host and wanted.host not in self._hosts:
            raise NotToBeHad(f"models of {wanted.host} are not pulled by themselves (FLEET_REGISTRY_HOSTS)")
        base = f"https://{wanted.host}" if wanted.host else self._url
        self._check_up(base)
        async with self._turns:
            self._check_up(base)  # others may have found out meanwhile
            try:
                async with asyncio.timeout(self._timeout_s):
                    status, body = await self._get(f"{base}/v2/{wanted.repository}/manifests/{wanted.tag}")
            except _CONNECTION_ERRORS as error:
                raise self._is_down(base, _why(error, self._timeout_s)) from error
        if status in (401, 403, 404):
            raise NotToBeHad(f"the registry {_host(base)} does not know it")
        if 300 <= status < 400:  # wherever it points to, nobody here chose it
            raise self._is_down(base, f"it answered {status}, and redirects are not followed")
        if status != 200:
            raise self._is_down(base, f"it answered {status}")
        return _size(body, _host(base))

    async def _get(self, url: str) -> tuple[int, bytes]:
        async with self._session.get(url, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MANIFEST_LIMIT:
                    raise ValueError("its manifest is too large")
            return response.status, bytes(body)

    def _check_up(self, base: str) -> None:
        until, why = self._down.get(base, (0.0, ""))
        if self._clock() < until:
            raise RegistryDown(_unasked(base, why))

    def _is_down(self, base: str, why: str) -> RegistryDown:
        self._down[base] = (self._clock() + DOWN_FOR_S, why)
        return RegistryDown(_unasked(base, why))


def _size(body: bytes, host: str) -> int:
    try:
        manifest = msgspec.json.decode(body, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryDown(f"the registry {host} gave no manifest") from error
    layers = manifest.layers or []
    if not any(layer.mediaType.startswith(WEIGHTS) and layer.size > 0 for layer in layers):
        raise NotToBeHad(f"the registry {host} has no weights of it, only its maker's servers do")
    total = sum(layer.size for layer in layers) + (manifest.config.size if manifest.config else 0)
    if not 0 < total <= LARGEST:
        raise RegistryDown(f"the registry {host} tells no size of it that can be")
    return total


def _unasked(base: str, why: str) -> str:
    return f"the registry {_host(base)} cannot be asked: {why}"


def _host(base: str) -> str:
    """Without a name and password, which an address may hold."""
    return urlsplit(base).netloc.rpartition("@")[2]


def _why(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    cause = getattr(error, "os_error", None)
    if isinstance(cause, socket.gaierror):  # its number is none of the system's
        return cause.strerror or str(cause)
    return why_not(error)
