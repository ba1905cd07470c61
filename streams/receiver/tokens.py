"""Who may send, and how fast: bearer tokens, and a bucket of events for each.

A token itself is neither kept nor said: only its SHA-256 is compared, in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable

from streams.receiver.refusals import RefusedRequest

_SCHEME = "bearer "


class Bucket:
    """So many events a second, and more at once after a pause; `now_s` is any steady clock.

    A request goes ahead when there is anything in the bucket, and may leave a debt, so that one
    of many events isn't kept waiting for ever.
    """

    def __init__(self, rate: int, burst: int, now_s: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now_s = now_s
        self._level = float(burst)
        self._at_s = now_s()

    def take(self) -> None:
        """Takes out one event, or raises RefusedRequest while the bucket is empty."""
        now_s = self._now_s()
        self._level = min(self._burst, self._level + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._level <= 0:
            raise RefusedRequest(
                429,
                f"too many events: this token may send {self._rate:,} a second",
                "send the same again after Retry-After seconds; [intake] rate raises it",
                retry_after_s=math.floor(-self._level / self._rate) + 1,
            )
        self._level -= 1

    def take_more(self, events: int) -> None:
        """Takes out the other events of the same request."""
        self._level -= events


class Tokens:
    """The tokens that are known; several, so that one can be replaced without a pause."""

    def __init__(
        self, tokens: Iterable[str], rate: int, burst: int, now_s: Callable[[], float]
    ) -> None:
        self._buckets = {_digest(token): Bucket(rate, burst, now_s) for token in tokens}

    def bucket(self, authorization: str | None) -> Bucket:
        """The bucket of the token in a header `Authorization`.  Raises RefusedRequest."""
        told = authorization or ""
        if told[: len(_SCHEME)].lower() != _SCHEME:
            raise RefusedRequest(
                401,
                "this takes a token",
                "send a header: Authorization: Bearer TOKEN, one of [intake] tokens",
            )
        digest = _digest(told[len(_SCHEME) :].strip())
        found = None
        for known, bucket in self._buckets.items():  # always all of them: constant time
            if hmac.compare_digest(known, digest):
                found = bucket
        if found is None:
            raise RefusedRequest(
                401, "no such token", "ask who runs the intake for one of [intake] tokens"
            )
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
