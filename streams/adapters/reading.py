"""Fields of a vendor's JSON: each read as what it should be, or refused with its place.

It must not know any vendor, nor what a field is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from kpi_windows.events import to_ms
from streams.adapters.contract import AdapterError
from streams.units import is_written_out

LONGEST = 200
"""Characters of a label; longer ones are cut."""

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def decoded(payload: bytes) -> Any:
    """Any JSON, decimals exact.  Raises AdapterError."""
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AdapterError(f"not JSON in UTF-8: {error}") from None


class Reading:
    """A JSON object and where it stands in the payload.

    What is absent and what is null are the same.
    """

    __slots__ = ("fields", "where")

    def __init__(self, fields: Any, where: str = "$") -> None:
        if not isinstance(fields, dict):
            raise AdapterError(f"expected an object, got {_kind(fields)} - at `{where}`")
        self.fields: dict[str, Any] = fields
        self.where = where

    def text(self, name: str) -> str | None:
        """Text as it stands, numbers as text; None when it is absent or blank."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.wrong(name, "text", value)
        return str(value).strip() or None

    def label(self, name: str) -> str | None:
        """Text that is cut where it is too long for a label."""
        text = self.text(name)
        return text and text[:LONGEST]

    def id(self, name: str) -> str:
        """Text that must be there and no longer than an id may be."""
        text = self.text(name)
        if text is None:
            raise self.missing(name, "an id")
        if len(text) > LONGEST:
            raise AdapterError(
                f"expected an id of up to {LONGEST} characters - at `{self.place(name)}`"
            )
        return text

    def money(self, name: str) -> Decimal | None:
        """A decimal number, or such text."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.wrong(name, "an amount", value)
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise self.wrong(name, "an amount", value) from None
        if not is_written_out(amount):
            raise self.wrong(name, "an amount", value)
        return amount

    def count(self, name: str) -> int | None:
        """A whole number of 0 or more, or such text."""
        amount = self.money(name)
        if amount is None:
            return None
        if amount < 0 or amount != amount.to_integral_value():
            raise self.wrong(name, "a whole number of 0 or more", self.fields[name])
        return int(amount)

    def flag(self, name: str) -> bool:
        """True or false; absent is false."""
        value = self.fields.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.wrong(name, "true or false", value)

    def time_ms(self, name: str) -> int | None:
        """ISO 8601 text with a zone, as milliseconds since 1970 UTC; finer digits are cut off."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.wrong(name, "a time as ISO 8601 text", value)
        return time_ms(value, self.place(name))

    def first_time_ms(self, *names: str) -> int:
        """The first of these fields that has a time; one must."""
        for name in names:
            at_ms = self.time_ms(name)
            if at_ms is not None:
                return at_ms
        raise self.missing(names[0], "a time")

    def object(self, name: str) -> Reading | None:
        """An object within."""
        value = self.fields.get(name)
        return None if value is None else Reading(value, self.place(name))

    def objects(self, name: str) -> Iterator[Reading]:
        """The objects of a list; none when it is absent."""
        value = self.fields.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.wrong(name, "a list", value)
        for number, each in enumerate(value):
            yield Reading(each, f"{self.place(name)}[{number}]")

    def texts(self, name: str) -> list[str]:
        """The texts of a list; what is no text is left out."""
        value = self.fields.get(name)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    def place(self, name: str) -> str:
        """Where a field stands."""
        return f"{self.where}.{name}"

    def missing(self, name: str, what: str) -> AdapterError:
        """The error of a field that must be there."""
        return AdapterError(f"expected {what}, it is missing - at `{self.place(name)}`")

    def wrong(self, name: str, what: str, value: Any) -> AdapterError:
        """The error of a field that is something else; what it holds isn't repeated."""
        return AdapterError(f"expected {what}, got {_kind(value)} - at `{self.place(name)}`")


def time_ms(text: str, where: str) -> int:
    """Milliseconds of ISO 8601 text with a zone.  Raises AdapterError.

    >>> time_ms("2026-11-23T10:00:00.1239-05:00", "$.at")
    1795446000123
    """
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise AdapterError(f"expected a time as ISO 8601 text - at `{where}`") from None
    if told.tzinfo is None:
        raise AdapterError(f"expected a time with its zone, as Z or +01:00 - at `{where}`")
    try:
        return to_ms(told)
    except OverflowError:
        raise AdapterError(f"expected a time between 1990 and 2100 - at `{where}`") from None


def without_nothing(event: dict[str, Any]) -> dict[str, Any]:
    """The event without fields that have no value."""
    return {name: value for name, value in event.items() if value is not None}


_KINDS = {str: "text", bool: "true or false", int: "a number", Decimal: "a number", list: "a list"}


def _kind(value: Any) -> str:
    return "nothing" if value is None else _KINDS.get(type(value), "an object")
