"""Files to read, packed or plain, with a name that stays theirs.

It must not know what the lines mean.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

LONGEST_LINE = 8 << 20
"""A longer line is no event; the rest of it is skipped."""
_HEAD = 64 << 10


class SourceError(Exception):
    """The file can't be read; the message says why."""


class Source:
    """A file, or standard input for None; `position` and `size` are in bytes of it as it lies."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.name = "-" if path is None else path.name
        self.size: int | None = None
        self._raw: IO[bytes] = sys.stdin.buffer
        self._text: io.TextIOWrapper | None = None
        if path is not None:
            try:
                self._raw = path.open("rb")
                self.size = path.stat().st_size
            except OSError as error:
                raise SourceError(f"{path}: {error.strerror}") from error
        packed = path is not None and _is_packed(path, self._raw)
        self.stream: BinaryIO = gzip.GzipFile(fileobj=self._raw) if packed else self._raw  # type: ignore[assignment]

    @property
    def position(self) -> int:
        """How far the file has been read."""
        try:
            return self._raw.tell()
        except (OSError, ValueError):
            return 0

    def text(self, encoding: str) -> io.TextIOWrapper:
        """The file as text, line ends as they are; bytes that are none become surrogates."""
        told = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
        self._text = io.TextIOWrapper(self.stream, told, errors="surrogateescape", newline="")
        return self._text  # kept here too: whoever lets go of it last closes the file

    def close(self) -> None:
        """Close a file, leave standard input."""
        if self.path is not None:
            self._raw.close()


def _is_packed(path: Path, raw: IO[bytes]) -> bool:
    """Whether a file is gzip: by how it begins, or by its name where that can't be read twice."""
    if not raw.seekable():
        return path.suffix == ".gz"
    begin = raw.read(2)
    raw.seek(0)
    return begin == b"\x1f\x8b"


class RawLine(NamedTuple):
    """A line without its end; `cut` means too long, `ended` that it had a line end."""

    number: int
    value: bytes
    cut: bool
    ended: bool


def raw_lines(stream: BinaryIO) -> Iterator[RawLine]:
    """Lines by number from 1; a line longer than `LONGEST_LINE` comes cut."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        cut = len(line) == LONGEST_LINE and not line.endswith(b"\n")
        rest = line
        while cut and rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield RawLine(number, line.strip(), cut, rest.endswith(b"\n"))


BROKEN = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a packed file that was cut or damaged raises."""


def name_of(name: str, head: bytes) -> str:
    """A short name for a file by what it is called and how it begins, wherever it lies.

    >>> name_of("a.jsonl", b"{}")
    'a.jsonl-d2b248cd'
    """
    digest = hashlib.blake2b(head, digest_size=4, person=b"source").hexdigest()
    return f"{name.encode(errors='replace').decode()[:60]}-{digest}"


def head_of(path: Path, size: int = _HEAD) -> bytes:
    """The first bytes of a file, unpacked."""
    source = Source(path)
    try:
        return source.stream.read(size)
    except BROKEN as error:
        raise SourceError(f"{path}: not readable as gzip: {error}") from error
    finally:
        source.close()
