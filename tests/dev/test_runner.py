"""The embedded engine's connection to llama.cpp, where that behaves as it does for a moment."""

from __future__ import annotations

import asyncio
import sys

from dev.engine.runner import Runner

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Keep-Alive: timeout=5, max=100\r\n\r\n"
    b'14\r\ndata: {"content": 1}\r\n2\r\n\n\n\r\n0\r\n\r\n'
)


async def test_no_request_is_sent_where_llama_cpp_is_about_to_hang_up() -> None:
    """It promises to keep the connection of a streamed answer, and closes it a moment later."""
    lost = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(b'{"stream":true}'))
        writer.write(ANSWER)
        await writer.drain()
        if await reader.read(1):
            lost.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; sys.stdin.read()", stdin=asyncio.subprocess.PIPE
    )
    port = server.sockets[0].getsockname()[1]
    runner = Runner(process, f"http://127.0.0.1:{port}", 512)
    try:
        for _ in range(3):
            events = [event async for event in runner.stream("/completion", {})]
            assert events == [{"content": 1}]
    finally:
        await runner.stop()
        server.close()
    assert not lost.is_set()
