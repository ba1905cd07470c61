"""The rows of a CSV or JSON-lines file, with their line numbers; a broken one is said and skipped.

It must not know what the columns mean.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from streams.intake.plan import FileMapping, columns_used
from streams.intake.sources import BROKEN, LONGEST_LINE, Source, raw_lines

Broken = Callable[[int, str], None]
"""Told the number of a broken line, and what is wrong with it."""
Rows = Iterator[tuple[int, list[str]]]

_JSON = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_SUFFIXES = (".jsonl", ".ndjson", ".json")


def rows_of(source: Source, mapping: FileMapping, broken: Broken) -> tuple[list[str], Rows]:
    """The columns, and the rows with the number of the line that each begins at."""
    form = mapping.format
    if form is None:
        name = source.name.lower().removesuffix(".gz")
        form = "jsonl" if name.endswith(_SUFFIXES) else "csv"
    if form == "jsonl":
        header = list(
            dict.fromkeys(name for rule in mapping.rules for _, name in columns_used(rule))
        )
        return header, _of_json(source, header, broken)
    csv.field_size_limit(LONGEST_LINE)
    stream = source.text(mapping.encoding)
    lines = csv.reader(stream, delimiter=mapping.delimiter, strict=True)
    header = list(mapping.header)
    if not header:
        try:
            header = [name.strip() for name in next(lines, [])]
        except (csv.Error, *BROKEN) as error:
            broken(1, f"no header: {error}")
    return header, _of_csv(lines, len(header), broken)


def _of_csv(lines: Any, width: int, broken: Broken) -> Rows:
    """The csv module's reader goes on with the next line after an error."""
    while True:
        number = lines.line_num + 1
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            broken(number, f"not CSV: {error}")
            continue
        except BROKEN as error:
            broken(number, f"the file ends in the middle: {error}")
            return
        if not row:
            continue
        if len(row) != width:
            broken(number, f"expected {width} columns, got {len(row)}")
            continue
        yield number, row


def _of_json(source: Source, header: list[str], broken: Broken) -> Rows:
    """Objects; a column `customer.id` is a field of a field."""
    paths = [(name, tuple(name.split("."))) for name in header]
    unseen = set(header)
    number = 0
    try:
        for line in raw_lines(source.stream):
            number = line.number
            if not line.value:
                continue
            try:
                told = _JSON.decode(line.value)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                broken(number, f"not a JSON object in UTF-8: {error}")
                continue
            row = [_at(told, name, path) for name, path in paths]
            if unseen:
                unseen -= {name for name, cell in zip(header, row, strict=True) if cell}
            yield number, row
    except BROKEN as error:
        broken(number + 1, f"the file ends in the middle: {error}")
    for name in sorted(unseen):
        broken(number, f"no line has a field {name!r}, which the mapping names")


def _at(told: dict[str, Any], name: str, path: tuple[str, ...]) -> str:
    """A field's value as text; empty when it isn't there."""
    value: Any = told.get(name)
    if value is None and len(path) > 1:
        value = told
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)
