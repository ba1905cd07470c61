"""Who may ask our servers: by the names that they are asked under, and by tokens.

A token itself is neither kept nor said: only its SHA-256 is compared, always with all that are
known, in constant time.  It must not know what is asked.

    no token is set           whoever reaches it may ask
    Authorization: Bearer T   programs
    Authorization: Basic …    browsers, which ask for a name (any) and a password (T)
    /healthz  /readyz         whoever reaches it: they tell nothing of the shop
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from streams.address import is_here

_OPEN = ("/healthz", "/readyz")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer tells a browser: nothing comes from elsewhere, nothing goes elsewhere."""


class Keys:
    """Tokens that are known; several, so that one can be replaced without a pause."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._known = [_digest(token) for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._known)

    def let_in(self, authorization: str | None) -> bool:
        """Whether a header `Authorization` has one of them."""
        digest = _digest(_token_in(authorization or ""))
        found = False
        for known in self._known:  # always all of them
            found |= hmac.compare_digest(known, digest)
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _token_in(authorization: str) -> str:
    """The token of a bearer, or the password of a browser; empty when there is neither.

    >>> _token_in("Bearer abc"), _token_in("basic a3BpOmFiYw=="), _token_in("abc")
    ('abc', 'abc', '')
    """
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return told.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(told, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def guarded(
    app: web.Application,
    *,
    host: str,
    names: Iterable[str] = (),
    tokens: Iterable[str] = (),
    metrics_tokens: Iterable[str] = (),
) -> None:
    """Has an application ask for a token, and its answers tell browsers what they may do.

    One that listens on this machine only, or under `names`, refuses to be asked under another
    name: a page from elsewhere can give its own name our address (DNS rebinding).
    """
    keys, metrics_keys = Keys(tokens), Keys((*tokens, *metrics_tokens))
    allowed = {name.lower() for name in names}
    known = {*_LOCAL, *allowed} if allowed or is_here(host) else None

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        if known is not None and _name_of(request.host) not in known:
            return _refused(421, "this is no name of ours", "[exporter] hosts names others")
        wanted = metrics_keys if request.path == "/metrics" else keys
        if wanted and request.path not in _OPEN:
            told = request.headers.get("Authorization")
            if not wanted.let_in(told):
                return _refused(
                    401,
                    "no such token" if told else "this takes a token",
                    "send a header: Authorization: Bearer TOKEN; kpi takes it from KPI_EXPORTER_TOKEN",
                    **{"WWW-Authenticate": 'Basic realm="KPIs", charset="UTF-8"'},
                )
        response: web.StreamResponse = await handler(request)
        return response

    app.middlewares.insert(0, guard)
    add_headers(app)


def add_headers(app: web.Application) -> None:
    """Has every answer tell browsers what they may do."""

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        for name, value in SAFE.items():
            response.headers.setdefault(name, value)

    app.on_response_prepare.append(prepare)


def _name_of(host: str) -> str:
    """A header `Host` without its port.

    >>> _name_of("LocalHost:9464"), _name_of("[::1]:9464"), _name_of("::1")
    ('localhost', '[::1]', '::1')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() and not name.endswith(":") else host).lower()


def _refused(status: int, error: str, hint: str, **headers: str) -> web.Response:
    return web.json_response({"error": error, "hint": hint}, status=status, headers=headers)
