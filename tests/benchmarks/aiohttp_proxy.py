"""A program: the least reverse proxy that aiohttp makes, of `web.Server` and `ClientSession`.

Started as http1_proxy.
"""

import asyncio
import sys

import aiohttp
from aiohttp import web

BODY = 2**20
NOT_ASKED = frozenset(("host", "expect", "content-length", "connection"))
NOT_TOLD = frozenset(("date", "server", "transfer-encoding", "connection"))


async def serve(port: int) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )

    async def relay(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_ASKED}
        body = await request.read()
        url = f"http://127.0.0.1:{port}{request.rel_url}"
        async with session.request(request.method, url, data=body, headers=headers) as response:
            passed = {name: value for name, value in response.headers.items() if name.lower() not in NOT_TOLD}
            answer = web.StreamResponse(status=response.status, headers=passed)
            await answer.prepare(request)
            async for chunk in response.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer

    runner = web.ServerRunner(web.Server(relay, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - whoever started it reads this
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
