"""A request's body, within bounds, as the values that it holds: one object, an array, or lines.

It must not know what an event is; values stay the bytes that were sent.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from streams.receiver.refusals import RefusedRequest

T = TypeVar("T")

JSON = ("application/json",)
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_ENCODINGS = ("identity", "gzip")
_GZIP_BITS = 31  # zlib's word for: a gzip header, and nothing else
_BOM = b"\xef\xbb\xbf"
_ONE = msgspec.json.Decoder(msgspec.Raw)
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class Limits:
    """How large, and how slow, a request may be."""

    body_bytes: int
    """Of the body as it comes, and again when it is unpacked."""
    events: int
    body_timeout_s: float


async def of_request(
    request: web.Request, types: Iterable[str], limits: Limits, take: Callable[[int], None]
) -> bytes:
    """A request's whole body, unpacked; `take` is told of its bytes.  Raises RefusedRequest."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    _check_head(request, encoding, types, limits)
    try:
        return await _read(request.content.iter_any(), encoding, limits, take)
    except (web.RequestPayloadError, ConnectionError) as error:
        raise RefusedRequest(400, "the body broke off", "send the same again") from error


def _check_head(head: web.Request, encoding: str, types: Iterable[str], limits: Limits) -> None:
    """Before anything is read.  Raises RefusedRequest."""
    known = (*types,)
    if head.content_type not in known:
        raise RefusedRequest(
            415,
            f"content type {head.content_type!r} isn't read here",
            f"send a header: Content-Type: {known[0]}"
            + (f" (or {LINES[0]} for one event a line)" if LINES[0] in known else ""),
        )
    if (head.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise RefusedRequest(415, f"charset {head.charset!r} isn't read here", "send UTF-8")
    if encoding not in _ENCODINGS:
        raise RefusedRequest(
            415, f"content encoding {encoding!r} isn't read here", "send it plain, or as gzip"
        )
    if (head.content_length or 0) > limits.body_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> RefusedRequest:
    """A body over the limit."""
    return RefusedRequest(
        413,
        f"the body is larger than {limits.body_bytes:,} bytes",
        "send fewer events at a time; [intake] max_body raises the limit",
    )


async def _read(
    chunks: AsyncIterator[bytes], encoding: str, limits: Limits, take: Callable[[int], None]
) -> bytes:
    """The whole body, unpacked.  Raises RefusedRequest."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            async for chunk in chunks:
                size += len(chunk)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                take(len(chunk))
                parts.append(chunk)
    except TimeoutError:
        raise RefusedRequest(
            408,
            f"the body didn't come within {limits.body_timeout_s:g} s",
            "send fewer events at a time, or look at the connection",
        ) from None
    body = b"".join(parts)
    return body if encoding == "identity" else _unpacked(body, limits, take)


def _unpacked(body: bytes, limits: Limits, take: Callable[[int], None]) -> bytes:
    """What a gzip body holds; never more than the limit is unpacked."""
    unpacker = zlib.decompressobj(_GZIP_BITS)
    try:
        plain = unpacker.decompress(body, limits.body_bytes + 1)
    except zlib.error as error:
        raise RefusedRequest(
            400, f"the body isn't gzip: {error}", "leave out Content-Encoding, or pack it"
        ) from None
    if len(plain) > limits.body_bytes:
        raise _too_large(limits)
    if not unpacker.eof or unpacker.unused_data:
        raise RefusedRequest(
            400, "the body isn't one whole gzip stream", "pack it in one, and send all of it"
        )
    take(len(plain))
    return plain


def values_of(body: bytes, content_type: str, limits: Limits) -> list[bytes]:
    """The JSON values in a body, none of them judged.  Raises RefusedRequest."""
    plain = body.removeprefix(_BOM).strip()
    if content_type in LINES:
        values = [line for each in plain.split(b"\n") if (line := each.strip())]
    elif plain.startswith(b"["):
        values = [bytes(each) for each in _parsed(_ARRAY.decode, plain)]
    else:
        values = [bytes(_parsed(_ONE.decode, plain))] if plain else []
    if not values:
        raise RefusedRequest(
            400, "there is no event in the body", 'send an object as {"type": "page_viewed", …}'
        )
    if len(values) > limits.events:
        raise RefusedRequest(
            413,
            f"{len(values):,} events at once: at most {limits.events:,}",
            "send fewer at a time; [intake] max_events raises the limit",
        )
    return values


def _parsed(decode: Callable[[bytes], T], plain: bytes) -> T:
    try:
        return decode(plain)
    except RecursionError:
        reason, hint = "nested too deeply", "an event is a flat object"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason, hint = str(error), "send one JSON object, or an array of them"
        if "trailing characters" in reason:
            hint = f"for one event a line send Content-Type: {LINES[0]}"
    raise RefusedRequest(400, f"the body isn't JSON: {reason}", hint)
