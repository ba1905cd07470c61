"""One table of the shop's own, read key by key; a mistake says the table, the key and what is right.

It must not know what tables there are.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from kpi_windows.narrowing import nearest
from streams import kinds
from streams.kinds import Kind

NAME = r"[a-z][a-z0-9_]{0,60}"


class OwnError(ValueError):
    """Something in a table is wrong; `section.name` and `key` say where."""

    def __init__(self, section: str, name: str, key: str, told: str) -> None:
        super().__init__(told)
        self.section, self.name, self.key = section, name, key


class Table:
    """One table that the shop has named: its keys, read one by one."""

    def __init__(self, section: str, name: str, values: Any, known: tuple[str, ...]) -> None:
        self.section, self.name = section, name
        if not isinstance(values, dict):
            self.wrong("", f"expected a table [{section}.{name}]")
        if not re.fullmatch(NAME, name):
            self.wrong("", "expected a name of small letters, digits and underscores")
        self.values: dict[str, Any] = values
        for key in values:
            if key not in known:
                self.wrong(key, f"no such key; {nearest(key, known)}")

    def wrong(self, key: str, told: str) -> NoReturn:
        """Raises OwnError."""
        raise OwnError(self.section, self.name, key, told)

    def read(self, key: str, kind: Kind, default: Any = None) -> Any:
        """The value of a key."""
        if key not in self.values:
            return default
        try:
            return kinds.value_of(kind, self.values[key])
        except ValueError as error:
            self.wrong(key, str(error))

    def needed(self, key: str, kind: Kind) -> Any:
        """The value of a key that must be there."""
        if key not in self.values:
            self.wrong("", f"expected {key}, {kind.expected}")
        return self.read(key, kind)
