"""The docstrings under a class's fields, which Python itself forgets."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator


def attribute_docs(cls: type) -> dict[str, str]:
    """Field -> the docstring that stands under it, base classes first.

    >>> from kpi_windows.definitions import Definitions
    >>> attribute_docs(Definitions)["lost_ms"]
    'A customer without an order for this long is lost.'
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(("kpi_windows", "streams")):
            found.update(_own_docs(base))
    return found


def _own_docs(cls: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for line, after in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield line.target.id, " ".join(str(after.value.value).split())
