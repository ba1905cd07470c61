"""The docstrings under fields and values, which Python itself forgets."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import ModuleType


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


def module_docs(module: ModuleType) -> dict[str, str]:
    """Name -> the docstring that stands under it, of a module's values."""
    return dict(_docs(ast.parse(inspect.getsource(module)).body))


def _own_docs(cls: type) -> Iterator[tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(tree, ast.ClassDef)
    yield from _docs(tree.body)


def _docs(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for line, after in pairwise(body):
        match line:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    yield name, " ".join(str(after.value.value).split())
