"""The page of a topic's events, from their types."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect as types

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import TOPICS, Clock, Event, key_of
from streams.reference.docstrings import attribute_docs
from streams.reference.words import ABOUT, CHANNELS, LEFT_OUT, SAMPLES, SHARED, UNITS


def _words(kind: types.Type) -> str:
    """A type in words."""
    match kind:
        case types.UnionType():
            parts = [_words(one) for one in kind.types if not isinstance(one, types.NoneType)]
            return " or ".join(dict.fromkeys(parts))
        case types.StrType():
            low, high = kind.min_length or 0, kind.max_length
            return f"text, {low}..{high} characters" if high else "text"
        case types.IntType():
            return f"integer, {kind.ge:,}..{kind.le:,}" if kind.ge is not None else "integer"
        case types.LiteralType():
            return " or ".join(f"`{msgspec.json.encode(one).decode()}`" for one in kind.values)
        case types.VarTupleType():
            return f"list of {_words(kind.item_type)}"
        case types.StructType():
            return f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case types.DecimalType():
            return "decimal number, or text of one"
        case types.DateTimeType():
            return "text"
        case types.BoolType():
            return "true or false"
        case types.FloatType():
            return "number"
        case types.DictType():
            return f"object of {_words(kind.value_type)}"
    raise TypeError(f"no words for {kind}")


def _default(field: types.Field) -> str:
    if field.required:
        return "**required**"
    value = field.default
    if value is None:
        return ""
    if value == ():
        return "`[]`"
    shown = msgspec.json.encode(value).decode().strip('"')
    return f"`{shown}`"


def _table(cls: type) -> Iterator[str]:
    docs = attribute_docs(cls)
    info = types.type_info(cls)
    assert isinstance(info, types.StructType)
    yield "| field | type | unit | default | meaning |"
    yield "|---|---|---|---|---|"
    if info.tag:
        yield f'| `type` | `"{info.tag}"` | | **required** | Says which event this is. |'
    for field in sorted(info.fields, key=lambda field: not field.required):
        money = "Decimal" in _words(field.type) or "decimal" in _words(field.type)
        unit = UNITS.get(field.name, "money" if money else "")
        meaning = docs.get(field.name) or SHARED[field.name]
        kind, default = _words(field.type), _default(field)
        yield f"| `{field.name}` | {kind} | {unit} | {default} | {meaning} |"


def example(topic: str, cls: type[Event]) -> dict[str, Any]:
    """An event of a type with every field that one usually gives."""
    info = types.type_info(cls)
    assert isinstance(info, types.StructType)
    return {"type": info.tag, **_sample(info, topic)}


def _sample(info: types.StructType, topic: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field in info.fields:
        if field.name in LEFT_OUT:
            continue
        inner = _struct_of(field.type)
        if inner is not None:
            value: Any = _sample(inner, topic)
            made[field.name] = [value] if field.name == "products" else value
        elif field.name == "channel":
            made[field.name] = CHANNELS[topic]
        elif field.name in SAMPLES and not isinstance(field.type, types.BoolType):
            made[field.name] = SAMPLES[field.name]
        else:
            made[field.name] = field.default
    return made


def _struct_of(kind: types.Type) -> types.StructType | None:
    if isinstance(kind, types.UnionType):
        return next((found for one in kind.types if (found := _struct_of(one))), None)
    if isinstance(kind, types.VarTupleType):
        return _struct_of(kind.item_type)
    return kind if isinstance(kind, types.StructType) else None


def _nested(topic: str) -> dict[str, type]:
    found: dict[str, type] = {}
    waiting = [types.type_info(cls) for cls in TOPICS[topic]]
    while waiting:
        info = waiting.pop(0)
        assert isinstance(info, types.StructType)
        for field in info.fields:
            inner = _struct_of(field.type)
            if inner is not None and inner.cls.__name__ not in found:
                found[inner.cls.__name__] = inner.cls
                waiting.append(inner)
    return found


def _event_section(topic: str, cls: type[Event]) -> Iterator[str]:
    sample = example(topic, cls)
    event = decode(topic, [msgspec.json.encode(sample)])[0]
    assert not isinstance(event, Rejected), event.reason
    yield from (f"## {sample['type']}", "", inspect.getdoc(cls) or "", "")
    if cls is Clock:
        yield "Goes to every partition of a topic, with any key."
    else:
        yield f"Key: the message's key is `{cls.KEY}`, here `{key_of(event)}`."
    yield from ("", "```json", msgspec.json.format(msgspec.json.encode(sample)).decode(), "```", "")
    yield from _table(cls)
    yield ""


def events_page(topic: str) -> str:
    """The page of one topic."""
    lines = [
        f"# Events of `{topic}`",
        "",
        "<!-- generated by `kpi reference`; edit kpi_windows/events/ instead -->",
        "",
        f"{ABOUT[topic]} One JSON object a message, in UTF-8; unknown fields are ignored.",
        "The key decides the partition (Kafka's default partitioner, murmur2, as Java's clients and",
        "`kafka-python` do it); a message under another key is forwarded, counted, and works.",
        "A message that doesn't fit goes to the dead letters, with the reason.",
        "Money is in the event's currency, 0 or more, of which six decimals count.",
        "",
        "| event | key | |",
        "|---|---|---|",
    ]
    events: tuple[type[Event], ...] = (*TOPICS[topic], Clock)
    for cls in events:
        tag = str(cls.__struct_config__.tag)
        key = f"`{cls.KEY}`" if cls.KEY else "any"
        first = (inspect.getdoc(cls) or "").split("\n")[0]
        lines.append(f"| [{tag}](#{tag}) | {key} | {first} |")
    lines.append("")
    for cls in events:
        lines += _event_section(topic, cls)
    for name, part in _nested(topic).items():
        lines += [f"## {name}", "", inspect.getdoc(part) or "", "", *_table(part), ""]
    return "\n".join(lines)
