"""A bare reverse proxy, a program: `bare_proxy.py URL`. aiohttp's server before its client session and nothing
else: what a proxy of those parts costs at least. Prints `listening on URL`.
"""

import asyncio
import sys

import aiohttp
from aiohttp import hdrs, web

PASSED = (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH)


async def main(upstream: str) -> None:
    """Until it is killed, or standard input ends."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        upstream, connector=connector, timeout=timeout, auto_decompress=False
    ) as session:

        async def passed_on(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            kind = {hdrs.CONTENT_TYPE: request.headers.get(hdrs.CONTENT_TYPE, "application/json")}
            async with session.request(request.method, request.path_qs, data=body, headers=kind) as response:
                headers = {name: response.headers[name] for name in PASSED if name in response.headers}
                answer = web.StreamResponse(status=response.status, headers=headers)
                await answer.prepare(request)
                while chunk := await response.content.readany():
                    await answer.write(chunk)
                await answer.write_eof()
                return answer

        runner = web.ServerRunner(web.Server(passed_on, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        sys.stdout.write(f"bare proxy listening on http://127.0.0.1:{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
