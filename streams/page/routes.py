"""The page's routes: `/`, its files, and the snapshot that it asks for again and again.

It must not know what is shown.  Nothing comes from elsewhere, and the policy says so to the
browser (`streams.guard`): no script, style, picture or connection but from this server, and none
within the text.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web

from streams.page.snapshot import Snapshot, Snapshots, etag_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LANGUAGES = ("en", "nl")
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def language_of(accepted: str) -> str:
    """The language that somebody reads best, of those that the page has.

    >>> language_of("de, nl-BE;q=0.8, en;q=0.5"), language_of("fr"), language_of("")
    ('nl', 'en', 'en')
    """
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, place, name.strip().lower().split("-")[0]))
    known = (name for minus, _, name in sorted(wanted) if name in LANGUAGES and minus < 0)
    return next(known, LANGUAGES[0])


class File:
    """One file of the page, as it is served."""

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.packed: bytes | None = gzip.compress(body, mtime=0)
        self.etag = etag_of(body)
        self.content_type = _TYPES["." + name.rpartition(".")[2]]


def files() -> dict[str, File]:
    """All files of the page, by name."""
    folder = resources.files("streams.page") / "static"
    return {each.name: File(each.name, each.read_bytes()) for each in folder.iterdir()}


def _given(request: web.Request, what: File | Snapshot, content_type: str) -> web.Response:
    """A body, or that it hasn't changed since the browser got it."""
    headers = {"ETag": what.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = request.headers.get("If-None-Match", "")
    if what.etag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return web.Response(status=304, headers=headers)
    body = what.body
    if what.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = what.packed, "gzip"
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


def add_page(app: web.Application, snapshots: Snapshots, index: Handler) -> None:
    """Adds the routes; `index` answers at `/` those who don't ask for HTML."""
    known = files()
    pages = {
        language: File(
            "index.html",
            known["index.html"].body.replace(b'lang="en"', f'lang="{language}"'.encode(), 1),
        )
        for language in LANGUAGES
    }

    async def root(request: web.Request) -> web.StreamResponse:
        if "text/html" not in request.headers.get("Accept", ""):
            response = await index(request)
        else:
            page = pages[language_of(request.headers.get("Accept-Language", ""))]
            response = _given(request, page, page.content_type)
        response.headers["Vary"] = "Accept, Accept-Encoding, Accept-Language"
        return response

    async def static(request: web.Request) -> web.StreamResponse:
        file = known.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return _given(request, file, file.content_type)

    async def snapshot(request: web.Request) -> web.StreamResponse:
        made = snapshots.of(request.query.get("window", ""))
        return _given(request, made, "application/json")

    app.router.add_get("/", root)
    app.router.add_get("/page/{name}", static)
    app.router.add_get("/api/v1/page", snapshot)
