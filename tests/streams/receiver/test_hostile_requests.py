"""Requests that no honest client sends: always a JSON error that says what to do, and no more room."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.receiver.desk import LINES, TOKEN, Desk, opened, page, until

EVENT = json.dumps(page("1")).encode()
PATH = "/v1/events/clickstream"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (EVENT, FORM, 415, "Content-Type: application/json"),
        (EVENT, {"Content-Type": "text/html; <script>"}, 415, "Content-Type: application/json"),
        (EVENT, {"Content-Type": "application/json; charset=latin-1"}, 415, "UTF-8"),
        (EVENT, {"Content-Encoding": "br"}, 415, "gzip"),
        (EVENT, {"Content-Encoding": "gzip"}, 400, "Content-Encoding"),
        (gzip.compress(EVENT)[:-9], {"Content-Encoding": "gzip"}, 400, "all of it"),
        (gzip.compress(EVENT) * 2, {"Content-Encoding": "gzip"}, 400, "in one"),
        (gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}, 413, "max_body"),
        (zlib.compress(EVENT), {"Content-Encoding": "gzip"}, 400, "Content-Encoding"),
        (b"", {}, 400, "send an object"),
        (b" \n ", {}, 400, "send an object"),
        (b"[]", {}, 400, "send an object"),
        (b"\n\n", LINES, 400, "send an object"),
        (b"hello", {}, 400, "send one JSON object"),
        (b"\xff\xfe" + EVENT, {}, 400, "send one JSON object"),
        (EVENT + b"\n" + EVENT, {}, 400, "application/x-ndjson"),
        (b"[" + EVENT + b",NaN]", {}, 400, "send one JSON object"),
        (b"[" + EVENT + b",]", {}, 400, "send one JSON object"),
        (b"[" * 200_000, {}, 400, "flat object"),
        (b'{"a":' * 200_000, {}, 400, "flat object"),
        (b"[" + b"{}," * 1_000 + b"{}]", {}, 413, "max_events"),
        (b"x" * 100_001, {}, 413, "max_body"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_answered(
    body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    async def run() -> None:
        async with opened(max_body=100_000 if b"x" * 99 in body else 5_000_000) as desk:
            reply = await desk.post(PATH, body, **headers)
            assert (reply.status, reply.told.keys()) == (status, {"error", "hint"}), reply
            assert words in reply.told["hint"]
            assert not desk.shelf.messages
            assert desk.service.room.used == 0
            assert (await desk.send(page("1"))).status == 200, "the next request isn't harmed"

    asyncio.run(run())


@pytest.mark.parametrize(
    "value",
    [
        b"NaN", b"-Infinity", b"1e999", b"9" * 5_000, b'"\xff\xfe"', b'"\\ud800"', b"[" * 50_000,
        b'{"' + b"a" * 100_000 + b'":1}', b'"\x00"', b"tru",
    ],
)  # fmt: skip
def test_a_hostile_value_is_rejected_where_it_stands(value: bytes) -> None:
    body = EVENT + b"\n" + EVENT.replace(b'"/"', value) + b"\n" + EVENT

    async def run() -> None:
        async with opened() as desk:
            reply = await desk.post(PATH, body, **LINES)
            assert reply.statuses == ["accepted", "rejected", "duplicate"]
            assert len(reply.told["events"][1]["reason"]) < 300

    asyncio.run(run())


_PIECES = st.sampled_from(
    [
        EVENT,
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"\n",
        b" ",
        b"null",
        b"1e9",
        b'"type"',
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=8), max_size=12).map(b"".join), st.booleans())
@settings(max_examples=150)
def test_whatever_is_sent_is_answered_and_only_what_is_written_is_accepted(
    body: bytes, as_lines: bool
) -> None:
    async def run() -> None:
        async with opened() as desk:
            reply = await desk.post(PATH, body, **(LINES if as_lines else {}))
            assert reply.status in (200, 207, 400, 422), reply
            if reply.status == 400:
                assert reply.told.keys() == {"error", "hint"}
            else:
                assert reply.told["accepted"] == len(desk.shelf.messages)
                assert set(reply.statuses) <= {"accepted", "duplicate", "rejected"}
            assert desk.service.room.used == 0

    asyncio.run(run())


def test_wrong_methods_and_places_are_answered_with_the_right_ones() -> None:
    async def run() -> None:
        async with opened() as desk:
            for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
                reply = await desk.post(PATH, b"", method=method)
                assert (reply.status, reply.told["hint"]) == (405, "use POST")
                assert reply.headers["Allow"] == "POST"
            for path in ("/", "/v1/events", "/v1/events/", "/v1/events/a/b", "/../etc/passwd"):
                reply = await desk.post(path, EVENT)
                assert reply.status == 404
                assert "/v1/events/{topic}" in reply.told["hint"]
            long = await desk.post("/v1/events/" + "a" * 5_000, EVENT)
            assert long.status == 404

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/events/%ff%00%0a", "/v1/events/\xff", "/\xff", "/%ed%a0%80"])
def test_places_that_are_no_text_are_answered_too(path: str) -> None:
    async def run() -> bytes:
        async with opened() as desk:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            return await raw(desk, f"{head}Connection: close\r\n\r\n", read=True)

    answer = asyncio.run(run())
    assert answer.split()[1] in (b"400", b"404"), answer


def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield EVENT[:10]
        await asyncio.sleep(60)

    async def run() -> None:
        async with opened(body_timeout_ms=50) as desk:
            reply = await desk.post(PATH, dripping())
            assert reply.status == 408
            assert desk.service.room.used == 0

    asyncio.run(run())


def test_a_head_that_does_not_come_to_its_end_is_given_up() -> None:
    async def run() -> None:
        async with opened(http={"keepalive_timeout": 0.05}) as desk:
            assert await raw(desk, f"POST {PATH} HTTP/1.1\r\nHost: ", read=True) == b""
            assert await raw(desk, "", read=True) == b""

    asyncio.run(run())


def test_a_body_without_a_length_is_bounded_too() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    async def run() -> None:
        async with opened(max_body=100_000) as desk:
            reply = await desk.post(PATH, endless())
            assert reply.status == 413
            assert desk.service.room.used == 0

    asyncio.run(run())


def test_a_body_that_breaks_off_leaves_nothing_behind() -> None:
    async def run() -> None:
        async with opened() as desk:
            head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            await raw(desk, f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{")
            await until(lambda: bool(desk.service.counts.requests) and not desk.service.room.used)
            assert not desk.shelf.messages

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    [
        "\x16\x03\x01\x02\x00\x01\x00",  # TLS where none is spoken
        "GET / HTTP/9.9\r\n\r\n",
        f"BREW {PATH} HTTP/1.1\r\n\r\n",
        f"POST {PATH} HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        f"POST {PATH} HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" + "X-A: " + "a" * 100_000 + "\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_without_a_word_about_us(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with opened() as desk:
            answer = await raw(desk, text, read=True)
            assert answer.split()[1] == b"400"
            assert b"Traceback" not in answer
            assert (await desk.send(page("1"))).status == 200

    asyncio.run(run())
    assert not caplog.text, "strangers would fill the disk"


def test_a_fault_of_ours_is_answered_and_logged_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with opened() as desk:

            def broken(*_: Any) -> Any:
                raise RuntimeError("secret detail")

            monkeypatch.setattr(desk.shelf, "write", broken)
            reply = await desk.send(page("1"))
            assert (reply.status, reply.headers["Retry-After"]) == (500, "1")
            assert "secret" not in str(reply.told)
            assert desk.service.room.used == 0

    asyncio.run(run())
    assert "secret detail" in caplog.text
    assert TOKEN not in caplog.text


async def raw(desk: Desk, text: str, *, read: bool = False) -> bytes:
    """Sends bytes as they are, and hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(text.encode("latin-1"))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20) if read else b""
    writer.close()
    return answer
