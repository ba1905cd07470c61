"""A web application that listens, and says clearly when it can't.

It must not know what is served.
"""

from __future__ import annotations

import errno
import ssl
from typing import Any

from aiohttp import web

from streams.address import url_of
from streams.settings import ConfigError


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


def tls_of(section: str, certfile: str, keyfile: str) -> ssl.SSLContext | None:
    """How HTTPS is spoken, by the files of a section of the settings, or None.

    Raises ConfigError.
    """
    if not certfile:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certfile, keyfile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"[{section}] certfile, keyfile: not a readable certificate with its key: {error}"
        ) from None
    return context


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
