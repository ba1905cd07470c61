"""The network that tests have between clients and brokers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.kafka.broker import free_ports
from tests.kafka.proxy import Link, Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of somebody who answers with what comes."""
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as server:

        def answer(other: socket.socket) -> None:
            with other:
                while piece := other.recv(1000):
                    other.sendall(piece)

        def serve() -> None:
            while True:
                try:
                    other, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(other,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _connected(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=30)


def _answer(client: socket.socket, said: bytes = b"hello") -> bytes:
    client.sendall(said)
    heard = client.recv(100)
    if not heard:
        raise ConnectionError("closed")
    return heard


def test_a_link_brings_bytes_there_and_back_until_it_is_cut(echo: int) -> None:
    link = Link(free_ports(1)[0], echo)
    with Proxy([link]) as proxy:
        with _connected(link) as client:
            assert _answer(client) == b"hello"
            proxy.cut([link])
            with pytest.raises(ConnectionError):
                _answer(client)
        with _connected(link) as client, pytest.raises(ConnectionError):
            _answer(client)
        proxy.heal()
        with _connected(link) as client:
            assert _answer(client) == b"hello"


def test_what_stalls_comes_later_and_a_delay_delays(echo: int) -> None:
    link = Link(free_ports(1)[0], echo)
    with Proxy([link]) as proxy, _connected(link) as client:
        link.stalls = True
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            _answer(client)
        client.settimeout(30)
        proxy.heal()
        assert client.recv(100) == b"hello"
        link.delay_s = 0.2
        began = time.monotonic()
        assert _answer(client) == b"hello"
        assert time.monotonic() - began >= 0.4  # there and back


def test_nobody_behind_a_link_is_a_connection_that_ends() -> None:
    port, nobody = free_ports(2)
    link = Link(port, nobody)
    with Proxy([link]), _connected(link) as client, pytest.raises(ConnectionError):
        _answer(client)
