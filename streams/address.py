"""Where a server is reached from this machine, by the address that it listens on.

It must not know what is served.
"""

from __future__ import annotations

_HERE = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared
"""On all addresses, of IPv4 or of IPv6 alone, -> one of these."""


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """Its URL.

    >>> url_of("0.0.0.0", 9464), url_of("::", 9466, "https"), url_of("shop.lan", 80)
    ('http://127.0.0.1:9464', 'https://[::1]:9466', 'http://shop.lan:80')
    """
    host = _EVERYWHERE.get(host, host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def is_here(host: str) -> bool:
    """Whether nobody but this machine reaches it."""
    return host in _HERE
