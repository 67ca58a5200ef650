"""An agent that is nothing but a supervisor, to be killed: lone_agent.py DIRECTORY LAUNCH, the second as JSON.

When the engine is ready it writes one line, {"pid": N, "address": URL}, and goes on until it is ended.
"""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import msgspec

from agent.supervision.launch import Launch
from agent.supervisor import Supervisor


async def main(directory: Path, launch: Launch) -> None:
    """Does not return."""
    async with aiohttp.ClientSession() as session:
        supervisor = Supervisor("it", lambda _: launch, directory, session, model="m")
        supervisor.start()
        await supervisor.changed.wait()
        ready = supervisor.ready
        print(json.dumps({"pid": ready and ready.pid, "address": ready and ready.address}), flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Launch)))
