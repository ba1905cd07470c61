"""A request that is refused: the status, what is wrong, and what to do.

It must not know why anything is refused.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web


class RefusedRequest(Exception):  # noqa: N818  # it says what happened, as Rejected does
    """Answered with `status`; with `retry_after_s` the same request may do later."""

    def __init__(
        self, status: int, message: str, hint: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint
        self.retry_after_s = retry_after_s


def reply(told: Any, status: int = 200, *, retry_after_s: int | None = None) -> web.Response:
    """JSON, never cached."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return web.Response(
        body=msgspec.json.encode(told) + b"\n",
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def refusal(error: RefusedRequest) -> web.Response:
    """The answer to a request that is refused."""
    told = {"error": str(error), "hint": error.hint}
    response = reply(told, error.status, retry_after_s=error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="kpi intake"'
    return response
