"""A web application that listens, and says clearly when it can't.

It must not know what is served.
"""

from __future__ import annotations

import errno
import ssl
from typing import Any

from aiohttp import web

from streams.address import url_of


class PortTakenError(Exception):
    """Somebody listens there already; the message says what to do."""


class Site:
    """A web application that listens."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, scheme: str = "http") -> None:
        self._runner = runner
        self.port = port
        self.url = url_of(host, port, scheme)

    async def close(self) -> None:
        """Lets requests end, and stops listening."""
        await self._runner.cleanup()


async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    else_any: bool = False,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> Site:
    """Listens; with `else_any` on any free port when this one is taken, with `tls` encrypted.

    `options` are those of aiohttp's runner. Raises PortTakenError.
    """
    runner = web.AppRunner(app, **{"access_log": None, "shutdown_timeout": 3.0, **options})
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        if else_any and error.errno == errno.EADDRINUSE and port:
            await web.TCPSite(runner, host, 0, ssl_context=tls).start()
        else:
            await runner.cleanup()
            raise PortTakenError(_cannot_listen(host, port, error)) from error
    bound: int = runner.addresses[0][1]
    return Site(runner, host, bound, "https" if tls else "http")


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken: stop what listens there, or choose another by "
            "--port (0 takes any free one)"
        )
    return f"can't listen on {host} port {port}: {error.strerror or error}"
