"""What can be done with a formula as a whole: hold it to label values, ask for its labels.

It must not know how formulas are written.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from kpi_windows.amounts import OfFact, seconds
from kpi_windows.formula import Node, Scale, Where


def held(node: Node, where: Where) -> Node:
    """The same formula, of some label values only; ValueError for what has no such label."""
    if isinstance(node, OfFact):
        for label, _ in where:
            if label in dict(node.where):
                raise ValueError(f"{label!r} of {node.text()} is held already")
            if label not in node.fact.labels:
                offered = nearest(label, node.fact.labels) if node.fact.labels else "it has none"
                raise ValueError(f"{node.text()} has no label {label!r}; {offered}")
        said = ", ".join(f"{label} {' or '.join(values)}" for label, values in where)
        words = f"{OfFact.words(node)} ({said})"
        return replace(node, said=words, where=(*node.where, *where))
    if not node.below():
        return node
    tree: Any = node  # every node is a dataclass
    parts = {each.name: getattr(tree, each.name) for each in fields(tree)}
    if set(dict(where)) & set(parts.get("over", ())):
        raise ValueError(f"{node.text()} is over all values of {', '.join(dict(where))}")
    if "histogram" in parts:
        raise ValueError(f"{node.text()} has no labels")
    narrowed = {name: held(part, where) for name, part in parts.items() if isinstance(part, Node)}
    made: Node = replace(tree, **narrowed)
    return made


def scaled(node: Node, amount: str) -> Node:
    """An amount in millionths as money, in milliseconds as seconds; others as they are."""
    if amount.endswith("_micros"):
        return Scale(node, Fraction(1, 1_000_000))
    return seconds(node) if amount.endswith("_ms") else node


def labels_of(node: Node) -> tuple[str, ...]:
    """All labels that a formula can be broken down by."""
    known = dict.fromkeys(label for fact in node.facts() for label in fact.labels)
    return tuple(label for label in known if node.has_label(label))


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that lead from a wrong name to the right one."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"
