"""What the models' source says of their members: the text below a member, as it stands there.

Pydantic could keep these texts with the classes, but would read the source whenever a program starts; here
it is read when a schema is asked for.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache

from pydantic import BaseModel


def member_texts(model: type[BaseModel]) -> dict[str, str]:
    """The text of each member of a model that has one, by name; a subclass's own text counts."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        found |= _texts_of_module(kind.__module__).get(kind.__qualname__, {})
    return found


@cache
def _texts_of_module(name: str) -> dict[str, dict[str, str]]:
    """By class and member; nothing for what is no part of LeadFlow."""
    if not name.startswith("leadflow."):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {node.name: dict(_texts_of_class(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts_of_class(node: ast.ClassDef) -> list[tuple[str, str]]:
    found = []
    for member, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(member, ast.AnnAssign)
            and isinstance(member.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found.append((member.target.id, in_one_line(text.value.value)))
    return found


def in_one_line(text: str) -> str:
    """A text of the source without its line ends."""
    return " ".join(text.split())
