"""A dry run of small files, for tests of the import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streams.importer import ImportOptions, ImportResult, dry_run

VIEWS = """
[read]
time = "unix_ms"
[[event]]
type = "page_viewed"
[event.fields]
timestamp = "at"
visitor_id = "who"
page = "page"
"""
AT = 1_704_067_200_000


class Imported:
    def __init__(self, options: ImportOptions) -> None:
        self.said: list[str] = []
        lines: list[bytes] = []
        self.result: ImportResult = dry_run(options, write=lines.append, report=self.said.append)
        self.events: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def all(self, name: str) -> list[Any]:
        return [event.get(name) for event in self.events]


def options(
    tmp_path: Path, mapping: str, content: str | bytes, name: str = "a.csv", **more: Any
) -> ImportOptions:
    (tmp_path / "m.toml").write_text(mapping, encoding="utf-8")
    raw = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(raw)
    return ImportOptions(tmp_path / name, tmp_path / "m.toml", progress=False, **more)


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


def ms(*offsets: int) -> list[int]:
    return [AT + offset for offset in offsets]
