"""Times and durations as people write them, to and from integer milliseconds.

It must not know what they are for, nor what time it is now: `now_ms` is an argument.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

_MS = {
    "ms": 1,
    "s": 1_000,
    "sec": 1_000,
    "second": 1_000,
    "m": 60_000,
    "min": 60_000,
    "minute": 60_000,
    "h": 3_600_000,
    "hour": 3_600_000,
    "d": 86_400_000,
    "day": 86_400_000,
    "w": 7 * 86_400_000,
    "week": 7 * 86_400_000,
}
HOUR_MS = _MS["hour"]
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_LONGEST_MS = 10**15
_FARTHEST_MS = 6_300_000_000_000
_MOST_DIGITS = 400


def is_written_out(number: Decimal) -> bool:
    """Whether a number has so few digits, written out, that it may be: `1e999999999` takes hours.

    >>> is_written_out(Decimal("1e30")), is_written_out(Decimal("1e999999999"))
    (True, False)
    """
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return number.adjusted() < _MOST_DIGITS and int(exponent) >= -_MOST_DIGITS


def parse_duration(text: str) -> int:
    """Milliseconds of a duration; ValueError when it isn't one.

    >>> parse_duration("30m"), parse_duration("1h 30 min"), parse_duration("2 days")
    (1800000, 5400000, 172800000)
    """
    at, total = 0, 0.0
    low = text.strip().lower()
    while at < len(low):
        part = _PART.match(low, at)
        size = part and (_MS.get(part[2]) or _MS.get(part[2].removesuffix("s")))
        if not part or not size:
            raise ValueError(f'expected a duration as "30m", "1h 30m" or "2 days", got {text!r}')
        total += float(part[1]) * size
        at = part.end()
    if not low:
        raise ValueError('expected a duration as "30m", got nothing')
    if total > _LONGEST_MS:
        raise ValueError(f"expected a duration of less than 30,000 years, got {text[:40]!r}")
    return round(total)


def show_duration(ms: int) -> str:
    """The reverse of `parse_duration`, in the largest units that fit.

    >>> show_duration(5_400_000), show_duration(86_400_000), show_duration(0)
    ('1h 30m', '1d', '0s')
    """
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, ms = divmod(ms, _MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def parse_time(text: str, zone: str = "UTC", now_ms: int | None = None) -> int:
    """Milliseconds since 1970 of a point in time, 200 years from there at most; or ValueError.

    Takes ISO 8601 (a time without zone is in `zone`; a date is its midnight), milliseconds or
    seconds since 1970, `now`, and `now-2h`.

    >>> parse_time("2011-12-09"), parse_time("2011-12-09T12:50:00+01:00"), parse_time("1323435000")
    (1323388800000, 1323431400000, 1323435000000)
    """
    at_ms = _time(text, zone, now_ms)
    if abs(at_ms) > _FARTHEST_MS:
        raise ValueError(f"expected a time within 200 years of 1970, got {text[:40]!r}")
    return at_ms


def _time(text: str, zone: str, now_ms: int | None) -> int:
    told = text.strip()
    if told.startswith("now") and now_ms is not None:
        sign, rest = told[3:4], told[4:]
        if not sign:
            return now_ms
        if sign in "+-":
            return now_ms + (1 if sign == "+" else -1) * parse_duration(rest)
    if re.fullmatch(r"\d{9,10}", told):
        return int(told) * 1_000
    if re.fullmatch(r"\d{11,14}", told):
        return int(told)
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        raise ValueError(
            f'expected a time as "2024-05-01", "2024-05-01T09:30", "2024-05-01T09:30:00+02:00", '
            f'milliseconds since 1970, "now" or "now-2h", got {text!r}'
        ) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(zone))
    return round(at.timestamp() * 1_000)


def show_time(at_ms: int, zone: str = "UTC") -> str:
    """ISO 8601 in a zone, to the second (to the millisecond when there are some).

    >>> show_time(1323435000000, "Europe/Amsterdam")
    '2011-12-09T13:50:00+01:00'
    """
    at = datetime.fromtimestamp(at_ms // 1_000, ZoneInfo(zone))
    if at_ms % 1_000:
        at = at.replace(microsecond=at_ms % 1_000 * 1_000)
        return at.isoformat(timespec="milliseconds")
    told = at.isoformat(timespec="seconds")
    return told if at.utcoffset() or at.tzinfo is not UTC else told.replace("+00:00", "Z")
