"""The exporter's API: any query string is answered in JSON, and no answer is an error of ours."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from streams.exporter import exporter_app
from tests.fuzz.target import Target
from tests.fuzz.targets.served import asked, loop
from tests.streams.visible import small_shop, whole_of

_PATHS = (
    "/api/v1/query?", "/api/v1/explain?", "/api/v1/why?", "/api/v1/page?", "/api/v1/kpis/",
    "/api/v1/query?kpi=visits&by=", "/api/v1/query?kpi=sales&from=", "/api/v1/query?kpi=aov&where=",
)  # fmt: skip
_SAFE = "=&%+/:,.-_~"


@cache
def _app() -> web.Application:
    loop()
    whole, _ = whole_of(Path(tempfile.mkdtemp(prefix="fuzz-")), small_shop())
    app = exporter_app(whole)
    app.freeze()
    return app


def attempt(told: bytes) -> None:
    """The first byte chooses the path, the rest follows it."""
    path = _PATHS[(told[0] if told else 0) % len(_PATHS)] + quote(told[1:], safe=_SAFE)
    try:
        answer = asked(_app(), f"GET {path} HTTP/1.1\r\n".encode())
    except web.HTTPException as error:
        status = error.status
        assert status < 500, status
        return
    if answer is None:
        return
    assert answer.status in (200, 304, 400, 404), answer.status
    assert isinstance(json.loads(answer.body or b""), dict | list)


def seeds() -> Iterable[bytes]:
    """Questions that people ask."""
    for place in (0, 1, 2):
        for question in (
            "kpi=visits&window=day&from=2025-12-31&to=2026-01-02&by=source",
            "kpi=conversion_rate&window=1h&by=device,source&where=device=mobile,tablet&top=5",
            "kpi=sales&window=month&definition=gross&at=2026-01-01T00:00:00Z",
            "kpi=top_products&window=7d&table=1",
            "kpi=Conversieratio&window=week&from=now-7d&to=now",
            "kpi=bounce_rate&window=quarter&at=now-1h",
        ):
            yield bytes([place]) + question.encode()
    yield b"\x03window=24h"
    yield b"\x04conversion_rate"
    yield b"\x05source,device"
    yield b"\x06now-30d&to=now-1d&window=day"
    yield b"\x07channel=online,phone"


TARGET = Target(seeds, attempt)
