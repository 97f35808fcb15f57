"""The configuration that MMEngine and mmcv print before they train, read without running it.

The dump is Python source: assignments of ``dict(...)`` calls, lists and literals. It is parsed to
a syntax tree and only literals, containers, ``dict`` and ``range`` calls, names assigned before and
arithmetic of numbers are followed; anything else is None.
"""

from __future__ import annotations

import ast
import re
import warnings
from itertools import pairwise
from typing import Any, TypeAlias

Config: TypeAlias = dict[str, Any]
_Open: TypeAlias = "tuple[str, _Open] | None"  # brackets that are open, the innermost first

MAX_CHARACTERS = 600_000
_MAX_NODES = 200_000
_MAX_DEPTH = 60
_MAX_RANGE = 10_000
_MAX_NUMBER = 1e15

_STATEMENT = re.compile(r"^([A-Za-z_]\w*)[ \t]*=(?!=)", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]*\}\}|<[^<>\n]*(?:<[^<>\n]*>[^<>\n]*)*>")
_BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)


def read_config(text: str) -> Config:
    r"""Return the assignments of a printed configuration as plain values.

    Parameters
    ----------
    text
        The dump, possibly cut off or with foreign lines in it; what cannot be read is left out.

    Returns
    -------
    dict
        Values by name: numbers, strings, None, and dicts and lists of them.

    Examples
    --------
    >>> read_config("n = 3\nloop = dict(type='Loop', max_epochs=2 * n, f=print('no'))")
    {'n': 3, 'loop': {'type': 'Loop', 'max_epochs': 6, 'f': None}}
    >>> read_config("steps = dict(a=[1, 2], b='cut o")
    {'steps': {'a': [1, 2]}}
    """
    text = text[:MAX_CHARACTERS]
    walker = _Walker()
    bare = text.lstrip()
    if bare.startswith("{"):
        tree = _expression(bare)
        whole = None if tree is None else walker.value(tree, 0)
        return whole if isinstance(whole, dict) else {}
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    for start, stop in pairwise([*starts, len(text)]):
        name, _, source = text[start:stop].partition("=")
        tree = _expression(source)
        if tree is not None:
            walker.names[name.strip()] = walker.value(tree, 0)
    return walker.names


def _expression(source: str) -> ast.expr | None:
    for attempt in (_as_it_is, _without_foreign_parts, _cut_and_closed):
        repaired = attempt(source)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # unknown escapes in the paths of Windows
                return ast.parse(repaired.strip(), mode="eval").body
        except _BROKEN:
            continue
    return None


def _as_it_is(source: str) -> str:
    return source


def _without_foreign_parts(source: str) -> str:
    first, *others = source.splitlines()
    kept = [line for line in others if line[:1] in " \t)]}"]
    return _PLACEHOLDER.sub("None", "\n".join((first, *kept)))


def _cut_and_closed(source: str) -> str:
    """Cut a truncated dump after its last whole item and close what is open there."""
    source = _without_foreign_parts(source)
    still_open: _Open = None
    end, open_there = 0, still_open
    position, quote = 0, ""
    while position < len(source):
        character = source[position]
        if quote:
            if character == "\\":
                position += 1
            elif character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character in "([{":
            still_open = (")]}"["([{".index(character)], still_open)
            end, open_there = position + 1, still_open
        elif character in ")]}":
            if still_open is None:
                break
            still_open = still_open[1]
            end, open_there = position + 1, still_open
        elif character == ",":
            end, open_there = position, still_open
        position += 1
    closers = []
    while open_there is not None:
        closers.append(open_there[0])
        open_there = open_there[1]
    return source[:end] + "".join(closers)


class _Walker:
    """Follows a syntax tree as far as it is plain data."""

    def __init__(self) -> None:
        self.names: Config = {}
        self._nodes = 0

    def value(self, node: ast.expr, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            return None
        below = depth + 1
        match node:
            case ast.Constant(value=constant):
                plain = isinstance(constant, str | int | float | bool)
                return constant if plain and not _is_huge(constant) else None
            case ast.Set(elts=[ast.Set()]):  # the {{reference}} of a template
                return None
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self.value(item, below) for item in items]
            case ast.Dict():
                return self._dict(node, below)
            case ast.Call(func=ast.Name(id="dict" | "ConfigDict")):
                return self._call(node, below)
            case ast.Call(func=ast.Name(id="range"), args=args):
                return _range([self.value(arg, below) for arg in args])
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.value(operand, below)
                return -number if isinstance(number, int | float) else None
            case ast.BinOp(left=left, op=operator, right=right):
                return _arithmetic(operator, self.value(left, below), self.value(right, below))
            case _:
                return None

    def _dict(self, node: ast.Dict, depth: int) -> Config:
        found: Config = {}
        for key, item in zip(node.keys, node.values, strict=True):
            content = self.value(item, depth)
            if key is None:
                found.update(content if isinstance(content, dict) else {})
            elif isinstance(key, ast.Constant):
                found[str(key.value)] = content
        return found

    def _call(self, node: ast.Call, depth: int) -> Config:
        found: Config = {}
        for argument in node.args:
            content = self.value(argument, depth)
            found.update(content if isinstance(content, dict) else {})
        for keyword in node.keywords:
            content = self.value(keyword.value, depth)
            if keyword.arg is not None:
                found[keyword.arg] = content
            elif isinstance(content, dict):
                found.update(content)
        return found


def _is_huge(constant: Any) -> bool:
    return isinstance(constant, int | float) and abs(constant) > _MAX_NUMBER


def _range(arguments: list[Any]) -> list[int] | None:
    whole = all(isinstance(argument, int) for argument in arguments)
    if not whole or not 1 <= len(arguments) <= 3 or 0 in arguments[2:]:
        return None
    numbers = range(*arguments)
    return list(numbers) if len(numbers) <= _MAX_RANGE else None


def _arithmetic(operator: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(operator, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right if len(left) + len(right) < 10_000 else None
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    match operator:
        case ast.Add():
            result: float = left + right
        case ast.Sub():
            result = left - right
        case ast.Mult():
            result = left * right
        case ast.Div() if right:
            result = left / right
        case ast.FloorDiv() if right:
            result = left // right
        case _:
            return None
    return result if abs(result) <= _MAX_NUMBER else None
