"""Whether a payload was signed with the shop's secret: keyed hashes over the raw bytes.

It must not know vendors, nor where the secret comes from.
"""

from __future__ import annotations

import hashlib
import hmac

from streams.adapters.contract import ForgedError


def check_signed(told: str | None, expected: str, *, name: str, secret: str, variable: str) -> None:
    """Compare a signature with the right one, in a time that tells nothing about where they differ.

    Raises ForgedError; an empty secret lets nobody in.
    """
    if not secret:
        raise ForgedError(f"no secret is set, so that nobody can be recognised: set {variable}")
    if told is None:
        raise ForgedError(f"expected a signature in the header {name}")
    if not hmac.compare_digest(told.strip().encode(), expected.encode()):
        raise ForgedError(f"the signature in {name} doesn't fit the body and our secret")


def keyed(secret: str, message: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC of a message."""
    return hmac.new(secret.encode(), message, algorithm).digest()


def digest_of(payload: bytes) -> str:
    """A short name for a payload's content."""
    return hashlib.sha256(payload).hexdigest()[:24]
