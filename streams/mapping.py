"""A mapping file: which rows of a shop's file mean which events, checked before a row is read.

It must not know rows or columns of an actual file; `intake.rules` brings the two together.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from kpi_windows.events import TOPICS, Event, Line, ReturnedLine
from streams.config import nearest
from streams.intake.cells import Column, condition
from streams.intake.plan import FileMapping, MappingError, Rule, Value

__all__ = ["FileMapping", "MappingError", "load_mapping"]

_TYPES: dict[str, tuple[str, type[Event]]] = {
    str(each.__struct_config__.tag): (topic, each)
    for topic, types in TOPICS.items()
    for each in types
}
_LINES: dict[str, type[msgspec.Struct]] = {"order_completed": Line, "order_refunded": ReturnedLine}
_OF_COLUMN = tuple(each.name for each in fields(Column))
_READ = ("format", "delimiter", "encoding", "columns", *_OF_COLUMN)
_RULE = ("type", "where", "before", "group", "watch", "id", "fields", "lines")
_FORMATS = ("csv", "jsonl")
_VALUE = tuple(each.name for each in fields(Value) if each.name not in ("kind", "required"))


def load_mapping(path: Path) -> FileMapping:
    """Read and check a mapping file.  Raises MappingError."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{path}: not readable as TOML: {error}") from error
    try:
        return _mapping(str(path), text, document)
    except ValueError as error:
        raise MappingError(f"{path}: {error}") from None


def _mapping(name: str, text: str, document: dict[str, Any]) -> FileMapping:
    _known(document, ("read", "columns", "event"), "")
    read = _table(document.get("read", {}), "[read]")
    _known(read, _READ, "[read] ")
    default = _column({k: v for k, v in read.items() if k in _OF_COLUMN}, Column(), "[read]")
    columns = {
        column: _column(_table(told, f"[columns.{column}]"), default, f"[columns.{column}]")
        for column, told in _table(document.get("columns", {}), "[columns]").items()
    }
    form = read.get("format")
    if form is not None and form not in _FORMATS:
        raise ValueError(f"[read] format: expected csv or jsonl, got {form!r}")
    delimiter = read.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ValueError(f"[read] delimiter: expected one character, got {delimiter!r}")
    encoding = read.get("encoding", "utf-8")
    try:
        "".encode(encoding)
    except (LookupError, TypeError):
        raise ValueError(f"[read] encoding: there is no encoding {encoding!r}") from None
    told = document.get("event")
    if not isinstance(told, list) or not told:
        raise ValueError("expected at least one [[event]]")
    mapping = FileMapping(
        name=name,
        rules=tuple(_rule(number, rule) for number, rule in enumerate(told, 1)),
        fingerprint=hashlib.blake2b(text.encode(), digest_size=6).hexdigest(),
        format=form,
        delimiter=delimiter,
        encoding=encoding,
        header=_names(read.get("columns", []), "[read] columns"),
        default=default,
        columns=columns,
    )
    for rule in mapping.rules:
        _check_conditions(rule, mapping)
    return mapping


def _rule(number: int, told: Any) -> Rule:
    where = f"[[event]] {number}"
    told = _table(told, where)
    kind = told.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"{where} type: {kind!r} is no event; {nearest(str(kind), list(_TYPES))}")
    where = f"{where} ({kind})"
    _known(told, _RULE, f"{where} ")
    topic, struct = _TYPES[kind]
    rule = Rule(
        number=number,
        type=kind,
        topic=topic,
        where=_table(told.get("where", {}), f"{where} where"),
        before=_table(told.get("before", {}), f"{where} before"),
        group=_names(told.get("group", []), f"{where} group"),
        watch=_names(told.get("watch", []), f"{where} watch"),
        id=_text(told.get("id"), f"{where} id"),
        fields=_values(_table(told.get("fields", {}), where), struct, f"{where} fields."),
        lines=_lines(told, kind, where),
    )
    if (rule.watch or rule.lines) and not rule.group:
        raise ValueError(f"{where}: watch and lines need group, the columns that rows share")
    if rule.before and not rule.watch:
        raise ValueError(f"{where}: before needs watch, the columns whose change is meant")
    if any(value.last for value in rule.fields.values()) and (not rule.group or rule.watch):
        raise ValueError(f"{where} fields: last needs group, and no watch")
    if rule.watch and rule.lines:
        raise ValueError(f"{where}: expected watch or lines, not both")
    missing = [name for name in _required(struct) if name not in (*rule.fields, "products")]
    if missing:
        raise ValueError(f"{where} fields: {', '.join(missing)}: needed for {kind}")
    if "products" in _required(struct) and not rule.lines:
        raise ValueError(f"{where}: expected [event.lines] with what the order's products are")
    return rule


def _lines(told: dict[str, Any], kind: str, where: str) -> dict[str, Value]:
    if "lines" not in told:
        return {}
    struct = _LINES.get(kind)
    if struct is None:
        raise ValueError(f"{where} lines: only {' and '.join(_LINES)} have lines")
    lines = _values(_table(told["lines"], f"{where} lines"), struct, f"{where} lines.")
    missing = [name for name in _required(struct) if name not in lines]
    if missing:
        raise ValueError(f"{where} lines: {', '.join(missing)}: needed for a line")
    return lines


def _required(struct: type[msgspec.Struct]) -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(struct) if each.required]


def _values(told: dict[str, Any], struct: type[msgspec.Struct], where: str) -> dict[str, Value]:
    """Fields by name; a field with fields of its own has a dot in its name."""
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    known = {each.encode_name: each for each in info.fields if each.name != "event_id"}
    values: dict[str, Value] = {}
    for name, value in told.items():
        if name not in known:
            hint = "it is made by id" if name == "event_id" else nearest(name, list(known))
            raise ValueError(f"{where}{name}: no such field; {hint}")
        kind, inner = _kind(known[name].type)
        if kind == "own":
            table = _table(value, f"{where}{name}")
            values |= {
                f"{name}.{own}": _own_value(each, f"{where}{name}.{own}")
                for own, each in table.items()
            }
        elif inner is not None:
            nested = _values(_table(value, f"{where}{name}"), inner, f"{where}{name}.")
            values |= {f"{name}.{deeper}": each for deeper, each in nested.items()}
        elif kind == "lines":
            raise ValueError(f"{where}{name}: expected [event.lines] instead")
        else:
            values[name] = _value(value, kind, known[name].required, f"{where}{name}")
    return values


def _kind(told: msgspec.inspect.Type) -> tuple[str, type[msgspec.Struct] | None]:
    """How a field is read, and the struct that it is, if any."""
    inspect = msgspec.inspect
    types = told.types if isinstance(told, inspect.UnionType) else (told,)
    for each in types:
        if isinstance(each, inspect.StructType):
            return ("", each.cls)
    by_type: tuple[tuple[type, str], ...] = (
        (inspect.DictType, "own"),
        (inspect.VarTupleType, "lines"),
        (inspect.DateTimeType, "time"),
        (inspect.DecimalType, "money"),
        (inspect.BoolType, "bool"),
        (inspect.IntType, "int"),
    )
    for kind, name in by_type:
        if any(isinstance(each, kind) for each in types):
            return (name, None)
    return ("text", None)


def _own_value(told: Any, where: str) -> Value:
    """A value under a name of the shop's own; `read` says what it is."""
    kinds = {"text": "text", "number": "number", "flag": "bool"}
    read = told.get("read", "text") if isinstance(told, dict) else "text"
    if read not in kinds:
        raise ValueError(f"{where}.read: expected one of {', '.join(kinds)}, got {read!r}")
    rest = {k: v for k, v in told.items() if k != "read"} if isinstance(told, dict) else told
    return _value(rest, kinds[read], False, where)


def _value(told: Any, kind: str, required: bool, where: str) -> Value:
    if isinstance(told, str):
        return Value(kind, required, column=told)
    if not isinstance(told, dict):
        raise ValueError(f"{where}: expected a column's name, or a table as {{ value = {told!r} }}")
    _known(told, _VALUE, f"{where}.")
    if sum(name in told for name in ("column", "value", "text")) != 1:
        raise ValueError(f"{where}: expected one of column, value and text")
    for name in ("column", "text", "pick", "not_before"):
        _text(told.get(name), f"{where}.{name}")
    try:
        re.compile(told.get("pick", ""))
    except re.error as error:
        raise ValueError(f"{where}.pick: expected a regular expression: {error}") from None
    factor: Decimal | None = None
    if "times" in told:
        try:
            factor = Decimal(str(told["times"]))
        except InvalidOperation:
            raise ValueError(f"{where}.times: expected a number") from None
        if kind not in ("money", "int", "number"):
            raise ValueError(f"{where}.times: only amounts and numbers have a factor")
    if "not_before" in told and kind != "time":
        raise ValueError(f"{where}.not_before: only times have it")
    rest = {name: value for name, value in told.items() if name != "times"}
    rest["map"] = _table(rest.get("map", {}), f"{where}.map")
    return Value(kind, required, times=factor, **rest)


def _column(told: dict[str, Any], default: Column, where: str) -> Column:
    _known(told, _OF_COLUMN, f"{where} ")
    values = {each.name: getattr(default, each.name) for each in fields(Column)} | told
    missing = values["missing"]
    values["missing"] = ("", *((missing,) if isinstance(missing, str) else missing))
    for name in ("time", "zone", "decimal", "thousands"):
        if not isinstance(values[name], str):
            raise ValueError(f"{where} {name}: expected a text")
    try:
        ZoneInfo(values["zone"])
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{where} zone: there is no time zone {values['zone']!r}") from None
    if values["time"] not in ("iso", "unix", "unix_ms") and "%" not in values["time"]:
        raise ValueError(
            f"{where} time: expected iso, unix, unix_ms or a format as '%d/%m/%Y %H:%M', "
            f"got {values['time']!r}"
        )
    return Column(**values)


def _check_conditions(rule: Rule, mapping: FileMapping) -> None:
    for part, told in (("where", rule.where), ("before", rule.before)):
        for name, wanted in told.items():
            try:
                condition(wanted, mapping.column(name))
            except (ValueError, InvalidOperation) as error:
                raise ValueError(f"{rule.title} {part}.{name}: {error}") from None


def _known(told: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in told:
        if name not in names:
            raise ValueError(f"{where}{name}: no such key; {nearest(name, names)}")


def _table(told: Any, where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ValueError(f"{where}: expected a table")
    return told


def _names(told: Any, where: str) -> tuple[str, ...]:
    names = [told] if isinstance(told, str) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{where}: expected a list of column names")
    return tuple(names)


def _text(told: Any, where: str) -> str | None:
    if told is not None and not isinstance(told, str):
        raise ValueError(f"{where}: expected a text")
    return told
