"""Turns a line of JSON into a hostile one: a value that no shop sends, in a place that is read."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

DEEP = 5_000
HOSTILE = (
    b"null", b"true", b"[]", b"{}", b'""', b'" "', b"[null]", b'{"":null}', b"0", b"-0", b"-1",
    b"0.1", b"1e308", b"1e999", b"-1e999", b"1e-400", b"NaN", b"Infinity", b"9" * 400,
    b"0." + b"0" * 400 + b"1", b"9007199254740993", b"9223372036854775807",
    b"9223372036854775808", b"-9223372036854775809", b"340282366920938463463374607431768211456",
    b'"1e999999999"', b'"NaN"', b'"-0"', b'"0x10"', b'"1_000"', b'"9999999999999999.999999"',
    b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"',
    b'"\xe2\x80\xae\xcc\x81\xf0\x9f\x98\x80"', b'"__other__"', b'"(none)"', b'"(overflow)"',
    b'"checkpoint"', b'"a\\nb\\r\\u2028"', b'"../../etc/passwd"', b'"{}\\"\\\\"',
    b'"' + b"a" * 3_000 + b'"', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59.999999Z"',
    b'"2026-02-30T00:00:00Z"', b'"2016-12-31T23:59:60Z"', b'"2026-03-01T12:00:00"', b'"P1D"',
    b'"1767268800000"', b"1767268800000", b"1767268800000.5", b"631152000000", b"4102444800000",
    b"1767268800", b'"EUR"', b'"XXX"', b'"eur"', b"[" * DEEP, b'{"a":' * DEEP,
    b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900,
)  # fmt: skip
"""What takes the place of a value, as it stands in JSON or as nothing does."""

_MARK = "\ue000mark\ue000"
_RAW = json.dumps(_MARK).encode()


def changed(told: bytes, chance: random.Random) -> bytes:
    """One line made hostile as JSON; where it is none, some bytes are changed."""
    lines = told.split(b"\n")
    place = chance.randrange(len(lines))
    line = lines[place]
    at = line.find(b"{")
    made = mutated(line[at:], chance) if at >= 0 else None
    if made is None:
        return _other_bytes(told, chance)
    if chance.random() < 0.1:
        lines.insert(place, line)
    lines[place] = line[:at] + made
    return b"\n".join(lines)


def _other_bytes(told: bytes, chance: random.Random) -> bytes:
    begin = chance.randint(0, len(told))
    end = min(len(told), begin + chance.choice((0, 1, 1, 4, 60)))
    made = chance.choice((b"", bytes([chance.randrange(256)]), b'"', b"{", b"\n", told[:begin]))
    return told[:begin] + made + told[end:]


def mutated(line: bytes, chance: random.Random) -> bytes | None:
    """The line with one value replaced, copied, renamed or left out; None when it is no JSON."""
    try:
        told = json.loads(line)
        places = list(_places(told))
        if not places:
            return None
        holder, key = chance.choice(places)
        if isinstance(holder, dict) and chance.random() < 0.4:
            _change_keys(holder, key, chance)
            raw = b""
        elif chance.random() < 0.3:
            other, its_key = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[its_key]))
            raw = b""
        else:
            holder[key] = _MARK
            raw = chance.choice(HOSTILE)
        made = json.dumps(told, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return made.replace(_RAW, raw)
    except (ValueError, RecursionError):
        return None


def each_place(line: bytes, raw: bytes) -> Iterator[bytes]:
    """The line once for each of its values, with `raw` in that place."""
    told = json.loads(line)
    for holder, key in list(_places(told)):
        old, holder[key] = holder[key], _MARK
        yield json.dumps(told).encode().replace(_RAW, raw)
        holder[key] = old


def _change_keys(holder: dict[str, Any], key: str, chance: random.Random) -> None:
    value = holder.pop(key)
    if chance.random() < 0.5:
        holder[chance.choice([*holder, "", "type", key.upper(), key + "x", "__proto__"])] = value


def _places(told: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    if depth > 20:
        return
    pairs: Any = ()
    if isinstance(told, dict):
        pairs = told.items()
    elif isinstance(told, list):
        pairs = enumerate(told)
    for key, value in pairs:
        yield told, key
        yield from _places(value, depth + 1)
