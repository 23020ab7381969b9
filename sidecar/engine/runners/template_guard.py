"""Jinja for templates that came with a model: sandboxed, and bounded in size, in steps and in time.

Jinja's own sandbox keeps a template from Python's insides, not from filling the memory or never ending. Here loops and
macros count their rounds, whatever builds a string or a list is measured before it runs, and what a chat template has
no use for is left out.
"""

from __future__ import annotations

import datetime
import functools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, TemplateRuntimeError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from ...errors import BadRequest, Unavailable

MAX_TEMPLATE_CHARS = 128 * 1024
MAX_TEXT_CHARS = 1 << 20
MAX_ROUNDS = 100_000
MAX_PARTS = 200_000
MAX_WHOLE = 1 << 64
MAX_S = 5.0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILTERS = _words("""
    capitalize count d default dictsort first float int items join last length list lower map max min reject rejectattr
    replace reverse round safe select selectattr sort string title tojson trim unique upper
""")
_TESTS = _words("""
    boolean callable defined divisibleby eq equalto even false float ge gt in integer iterable le lt mapping ne none
    number odd sequence string true undefined == != < <= > >= greaterthan lessthan
""")
_TEXT_METHODS = _words("""
    capitalize count endswith find index isalnum isalpha isdigit islower isspace isupper join lower lstrip partition
    removeprefix removesuffix replace rfind rpartition rsplit rstrip split splitlines startswith strip title upper
""")
# What a template can bring about by being wrong, and nothing that would be a fault of the caller's.
_FAULTS = (
    TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError, MemoryError,
    SyntaxError,
)  # fmt: skip


class TooMuch(TemplateRuntimeError):
    """The template went over a bound."""


class Refused(TemplateRuntimeError):
    """The template itself refuses its input, by `raise_exception`."""


class Template:
    """One compiled template. Raises `Unavailable` when it is too large or is no template that is supported."""

    def __init__(self, source: str, *, now: Callable[[], datetime.datetime] = datetime.datetime.now) -> None:
        if len(source) > MAX_TEMPLATE_CHARS:
            raise Unavailable("The model's chat template is too large.")
        self._environment = _Guarded()
        self._now = now
        try:
            tree = _Counting().visit(self._environment.parse(source))
            self._template = self._environment.from_string(tree)
        except _FAULTS as error:
            raise Unavailable("The model's chat template is not one that is supported.") from error

    def render(self, variables: Mapping[str, Any]) -> str:
        """The text. Raises `BadRequest` when the template refuses its input, `Unavailable` when it fails or takes too
        much."""
        self._environment.begin()
        bound = {"raise_exception": _refuse, "strftime_now": self._strftime, **variables}
        try:
            return self._environment.joined(self._template.generate(bound))
        except Refused as error:
            raise BadRequest(f"The model's chat template says: {error}") from error
        except _FAULTS as error:
            raise Unavailable("The model's chat template failed or takes too much.") from error

    def _strftime(self, form: str) -> str:
        if len(form) > 100:
            raise TooMuch("the form of a date is too long")
        return self._now().strftime(form)


class _Counting(NodeTransformer):
    """Rewrites a parsed template so that every round of a loop and every call of a macro counts itself, and that
    operators which the sandbox cannot intercept are measured."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        return self._counted(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        return self._counted(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        return self._counted(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _call("tilde", node.nodes, node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _call("measured", [node.expr], node)
        for operand in node.ops:
            operand.expr = _call("measured", [operand.expr], node)
        return node

    def _counted(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        literal = sum(len(part.data) for child in node.body for part in child.find_all(nodes.TemplateData))
        tick = _call("tick", [nodes.Const(literal)], node)
        node.body = [nodes.ExprStmt(tick, lineno=node.lineno), *node.body]
        return node  # type: ignore[no-any-return]


def _call(name: str, arguments: Sequence[nodes.Expr], place: nodes.Node) -> nodes.Call:
    """A call of the environment's own method: unlike a name, a template cannot put anything in its place."""
    call = nodes.Call(nodes.EnvironmentAttribute(name), list(arguments), [], None, None)
    call.set_lineno(place.lineno)
    if place.environment is not None:
        call.set_environment(place.environment)
    return call


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words for training; here it only lets them through."""

    tags = frozenset({"generation"})  # type: ignore[assignment]

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class _Guarded(ImmutableSandboxedEnvironment):
    """The sandbox with bounds; `begin` starts the count of one rendering."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        self.begin()
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self.written,
            extensions=[_Generation, loopcontrols],
        )
        self.globals = {"range": self._range, "namespace": self.globals["namespace"], "dict": dict}
        filters: Any = self.filters
        self.filters = {name: self._guarded(filters[name]) for name in _FILTERS}
        self.filters["replace"] = self._guarded(self._replace)
        self.filters["join"] = self._guarded(self._join)
        self.filters["tojson"] = self._guarded(_to_json)
        tests: Any = self.tests
        self.tests = {name: self._guarded(tests[name]) for name in _TESTS}

    def begin(self) -> None:
        """Starts to count rounds, characters and time."""
        self._rounds = self._written = 0
        self._end = time.monotonic() + MAX_S

    def tick(self, written: int = 0) -> None:
        """One round of a loop, one call of a macro, which writes so many characters. Raises `TooMuch`."""
        self._rounds += 1
        self._written += written
        if self._rounds > MAX_ROUNDS or self._written > MAX_TEXT_CHARS or time.monotonic() > self._end:
            raise TooMuch("the template does not end")

    def written(self, value: Any) -> Any:
        """What an expression writes: counted also where a block keeps it for later."""
        self.measured(value)
        self.tick(len(value) if isinstance(value, str) else 0)
        return value

    def measured(self, value: Any) -> Any:
        """The value, if it is of a bearable size with all that it holds, counted as often as it would be written."""
        if isinstance(value, (str, list, tuple, dict)):
            self._measure(value, [0, 0], 0)
        return value

    def _measure(self, value: Any, spent: list[int], depth: int) -> None:
        spent[0] += 1
        if isinstance(value, str):
            spent[1] += len(value)
        if spent[0] > MAX_PARTS or spent[1] > MAX_TEXT_CHARS or depth > 32:
            raise TooMuch("a value of the template is too large")
        if isinstance(value, dict):
            for key, part in value.items():
                self._measure(key, spent, depth + 1)
                self._measure(part, spent, depth + 1)
        elif isinstance(value, (list, tuple)):
            for part in value:
                self._measure(part, spent, depth + 1)

    def joined(self, parts: Iterable[str]) -> str:
        """The parts as one text, if that does not get too long."""
        found: list[str] = []
        total = 0
        for part in parts:
            found.append(part)
            total += len(part)
            if total > MAX_TEXT_CHARS:
                raise TooMuch("the template's text is too long")
        return "".join(found)

    def tilde(self, *parts: Any) -> str:
        """The operator `~`."""
        self.tick()
        return self.joined(str(self.measured(part)) for part in parts)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self.tick()
        self.measured(left), self.measured(right)
        whole = [value for value in (left, right) if isinstance(value, int)]
        if any(abs(value) > MAX_WHOLE for value in whole) or operator == "**":
            raise TooMuch("a number of the template is too large")
        sequences = [value for value in (left, right) if isinstance(value, (str, list, tuple))]
        if operator == "*" and sequences and whole and len(sequences[0]) * abs(whole[0]) > MAX_PARTS:
            raise TooMuch("a value of the template is too large")
        if operator == "%" and isinstance(left, str):
            raise TooMuch("the template formats by %")
        return self.measured(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr not in _TEXT_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Formatting is no method that a template has."""

    def call(self, context: Any, function: Any, /, *arguments: Any, **options: Any) -> Any:
        self.tick()
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str):
            self.measured(owner)
            if name == "replace":
                return self._replace(owner, *arguments, **options)
            if name == "join":
                return self._join(arguments[0] if arguments else (), owner)
        for argument in (*arguments, *options.values()):
            self.measured(argument)
        return self.measured(super().call(context, function, *arguments, **options))

    def _join(self, values: Any, space: str = "") -> str:
        parts = self.measured([str(self.measured(value)) for value in values])
        if len(str(space)) * len(parts) > MAX_TEXT_CHARS:
            raise TooMuch("the template's text is too long")
        return str(space).join(parts)

    def _replace(self, text: str, old: str, new: str, count: int | None = None) -> str:
        text, old, new = str(text), str(old), str(new)
        if len(text) + (text.count(old) if old else len(text) + 1) * len(new) > MAX_TEXT_CHARS:
            raise TooMuch("the template's text is too long")
        return text.replace(old, new) if count is None else text.replace(old, new, int(count))

    def _range(self, *bounds: int) -> range:
        found = range(*bounds)
        if len(found) > MAX_ROUNDS:
            raise TooMuch("a range of the template is too long")
        return found

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)  # with the marks by which jinja passes its own first argument
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.tick()
            for argument in (*arguments, *options.values()):
                self.measured(argument)
            return self.measured(function(*arguments, **options))

        return guarded


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """JSON as transformers' templates expect it: letters stay letters, nothing is escaped for HTML."""
    if indent is not None and not 0 <= int(indent) <= 8:
        raise TooMuch("the template's JSON is indented too far")
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(reason: Any) -> None:
    raise Refused(str(reason)[:200])
