"""The words of a formula's text, and where each stands.

It must not know the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKENS = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r'|(?P<text>"[^"]*")|(?P<sign>[-−+*×/(){},=.])'
)
_SAME = {"-": "−", "*": "×"}


class FormulaError(ValueError):
    """A text that is no formula; the message says where, and what would be right."""


class Token(NamedTuple):
    """A word: `number`, `name`, `text` (quoted), `sign`, `other` or `end`."""

    kind: str
    text: str
    at: int


class Tokens:
    """A text, read word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    def peek(self) -> Token:
        """The next word, which stays."""
        return self._tokens[self._next]

    def skip(self) -> None:
        """Goes on to the word after it."""
        self._next += 1

    def take(self, *texts: str) -> Token | None:
        """The next word if it is one of these signs."""
        token = self.peek()
        if token.kind != "sign" or token.text not in texts:
            return None
        self._next += 1
        return token

    def need(self, text: str) -> None:
        """The next word is this sign; FormulaError if not."""
        if self.take(text) is None:
            raise self.wrong(f"expected {text!r}")

    def name(self, what: str) -> Token:
        """The next word is a name; FormulaError if not."""
        token = self.peek()
        if token.kind != "name":
            raise self.wrong(f"expected {what}")
        self._next += 1
        return token

    def word(self, *words: str) -> str:
        """The next word is one of these; FormulaError if not."""
        token = self.name(" or ".join(words))
        if token.text not in words:
            raise self.wrong(f"expected {' or '.join(words)}", token)
        return token.text

    def values(self, ends: str) -> tuple[str, ...]:
        """Values of a label up to one of the signs `ends`, with `or` between them."""
        values = [self._value(ends)]
        while (token := self.peek()).kind == "name" and token.text == "or":
            self._next += 1
            values.append(self._value(ends))
        return tuple(values)

    def _value(self, ends: str) -> str:
        """Quoted, or bare up to a comma, an end or ` or `."""
        first = self.peek()
        if first.kind == "text":
            self._next += 1
            return first.text[1:-1]
        end = first.at
        while (token := self.peek()).kind != "end" and token.text not in ends:
            if token.kind == "name" and token.text == "or" and end > first.at:
                break
            end = token.at + len(token.text)
            self._next += 1
        if end == first.at:
            raise self.wrong("expected a label's value")
        return self._text[first.at : end]

    def wrong(self, words: str, token: Token | None = None) -> FormulaError:
        """An error about a word, or about the next one."""
        token = token or self.peek()
        here = f"{token.text!r}" if token.kind != "end" else "its end"
        return FormulaError(f"at character {token.at + 1}, {here}: {words}")


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:  # kept: it may stand in a label's value
            yield Token("other", text[at], at)
            at += 1
            continue
        if found.lastgroup != "space":
            word = found.group()
            sign = found.lastgroup == "sign"
            yield Token(str(found.lastgroup), _SAME.get(word, word) if sign else word, at)
        at = found.end()
    yield Token("end", "", len(text))
