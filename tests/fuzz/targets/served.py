"""Requests to a web application in this process: aiohttp's parser and ours, but no socket."""

from __future__ import annotations

import asyncio
from functools import cache
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser


@cache
def loop() -> asyncio.AbstractEventLoop:
    """One for all requests of this process."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    return made


def asked(app: web.Application, head: bytes, body: bytes = b"") -> web.Response | None:
    """The answer to a request; None when it is no HTTP, and aiohttp's to refuse.

    `head` is its first line and its headers, without how long the body is.
    """
    return loop().run_until_complete(_asked(app, head, body))


async def _asked(app: web.Application, head: bytes, body: bytes) -> Any:
    protocol = BaseProtocol(loop())
    parser = HttpRequestParser(protocol, loop(), 2**16, auto_decompress=False)
    length = b"Content-Length: %d\r\n" % len(body)
    try:
        messages, _, _ = parser.feed_data(head + b"Host: localhost\r\n" + length + b"\r\n" + body)
    except HttpProcessingError:
        return None
    message, payload = messages[0]
    stub: Any = SimpleNamespace(transport=None, ssl_context=None, peername=None, sockname=None)
    task: Any = asyncio.current_task()
    request = web.Request(message, payload, stub, stub, task, loop())
    match = await app.router.resolve(request)
    match.add_app(app)
    match.freeze()
    request._match_info = match
    handler = match.handler
    for middleware in reversed(app.middlewares):
        handler = _around(middleware, handler)
    return await handler(request)


def _around(middleware: Any, handler: Any) -> Any:
    async def both(request: web.Request) -> Any:
        return await middleware(request, handler)

    return both
