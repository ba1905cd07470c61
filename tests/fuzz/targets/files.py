"""Files that a shop writes: a mistake in one is told in the error that commands show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from streams.config import ConfigError, load
from streams.dead_letters.rules import load_rules
from streams.intake.plan import MappingError
from streams.intake.rules import BadRowError, BoundRule
from streams.mapping import load_mapping
from tests.fuzz.target import Target

_EXAMPLES = Path(__file__).parents[3] / "examples"
_HEADER = ("at", "kind", "order", "product", "price", "cost", "visitor", "count")
_ROWS = (
    ("2026-01-01T12:00:00Z", "sale", "7", "tea", "9.95", "1", "v", "2"),
    ("01/02/2026 10:00", "", "7", "", "1.234,50", "x", "?", "-1"),
    ("9" * 40, "sale", "\x00", "tea", "1e999", "NaN", "v", "9" * 40),
)


@cache
def _file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    return folder / "told.toml"


def _settings(path: Path) -> None:
    load(path, environ={})


def _mapping(path: Path) -> None:
    mapping = load_mapping(path)
    for rule in mapping.rules:
        names = {*_HEADER, *_columns(rule)}
        bound = BoundRule(rule, mapping, sorted(names))
        for row in _ROWS:
            told = dict(zip(_HEADER, row, strict=True))
            try:
                piece = bound.piece([told.get(name, row[0]) for name in sorted(names)])
                if piece is not None:
                    list(bound.events([(1, piece), (2, piece)]))
            except BadRowError:
                pass


def _columns(rule: object) -> list[str]:
    from streams.intake.plan import columns_used

    return [name for _, name in columns_used(rule)]  # type: ignore[arg-type]


def _rules(path: Path) -> None:
    load_rules(path)


_READ: tuple[Callable[[Path], None], ...] = (_settings, _mapping, _rules)


def attempt(told: bytes) -> None:
    """The first byte chooses the kind of file."""
    path = _file()
    path.write_bytes(told[1:])
    try:
        _READ[told[0] % 3 if told else 0](path)
    except (ConfigError, MappingError) as error:
        words = str(error)
        assert words


def seeds() -> Iterable[bytes]:
    """The examples, and each of their tables alone."""
    for kind, paths in enumerate(
        (_EXAMPLES.glob("*.toml"), (_EXAMPLES / "mappings").glob("*.toml"))
    ):
        for path in sorted(paths):
            told = path.read_bytes()
            yield bytes([kind]) + told
            for part in told.split(b"\n\n"):
                yield bytes([kind]) + part
    yield b"\x02" + _MEND


_MEND = b"""[[mend]]
topic = "orders"
reason = "currency"
where = { channel = "phone" }
rename = { custmer_id = "customer_id" }
map = { currency = { eur = "EUR" } }
default = { currency = "EUR" }
set = { channel = "online" }
drop = ["notes"]
times = { timestamp = "%d-%m-%Y %H:%M" }
zone = "Europe/Amsterdam"
charset = "latin-1"
replace = { "\\u0000" = "" }
to = "orders"
"""

TARGET = Target(seeds, attempt)
