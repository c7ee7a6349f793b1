"""A condition's syntax tree as closures; what is on no list here is refused with its place."""

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from aiex.performance.tracer import operators
from aiex.performance.tracer.operators import CannotTell
from aiex.performance.tracer.plain_attribute import NOTHING
from aiex.performance.tracer.privacy import Privacy, privacy_of

NODES_MAX = 120
DEPTH_MAX = 24
TEXT_CHARS_MAX = 200
# So much is told of a condition that is not understood, around the place.
TOLD_CHARS_MAX = 100


# What is refused, as people call it.
_SAID = {
    ast.IfExp: "choice with if and else",
    ast.JoinedStr: "text with {} in it",
    ast.ListComp: "loop",
    ast.SetComp: "loop",
    ast.DictComp: "loop",
    ast.GeneratorExp: "loop",
    ast.NamedExpr: ":=",
    ast.Dict: "table",
}


class ConditionError(ValueError):
    """`text` says what is wrong with the condition at character `position`, from 0 on."""

    def __init__(self, text: str, condition: str, position: int) -> None:
        super().__init__(text)
        self.text = text
        self.condition = condition
        self.position = min(max(position, 0), len(condition))

    def told(self) -> str:
        """Three lines: what is wrong, the condition around the place, and a caret below it."""
        line = "".join(one if one.isprintable() else " " for one in self.condition)
        first = max(0, min(self.position - TOLD_CHARS_MAX // 2, len(line) - TOLD_CHARS_MAX))
        begin, end = "…" * (first > 0), "…" * (len(line) > first + TOLD_CHARS_MAX)
        caret = " " * (self.position - first + len(begin)) + "^"
        return f"{self.text}\n  {begin}{line[first : first + TOLD_CHARS_MAX]}{end}\n  {caret}"


class Ending(NamedTuple):
    """What is known when a call is over; what raised has returned None."""

    returned: object = NOTHING
    raised: str | None = None
    took_ms: float = 0.0
    ran_ms: float = 0.0


_LENGTH_ONLY = "This may be a message: a condition can ask for its len() only."
ENDINGS = Ending._fields

# What an argument's name means at a call; the mapping has a value for each name, or none any more.
type Arguments = Mapping[str, Any]
type Compiled = Callable[[Arguments, Ending], Any]


class Part(NamedTuple):
    """A piece of the condition, and under which privacy its value comes."""

    read: Compiled
    privacy: Privacy = Privacy.UNKNOWN
    is_plain: bool = False  # made here, from numbers or the condition's own text: nobody's secret


class Compiler:
    """`names` are those that were used so far, what is known at a call's end among them."""

    def __init__(self, text: str, is_carried: bool, returned: Privacy) -> None:
        self._text = text
        self._returned = returned
        self._is_carried = is_carried
        self._node_count = 0
        self.names: set[str] = set()

    def compiled(self, node: ast.expr, depth: int) -> Part:
        self._node_count += 1
        if depth > DEPTH_MAX or self._node_count > NODES_MAX:
            raise self._refused(
                node, f"Too long: {NODES_MAX} parts, {DEPTH_MAX} deep, are the limit."
            )
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Attribute():
                return self._attribute(node, depth)
            case ast.Subscript(value=owner, slice=index):
                return self._item(node, owner, index, depth)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return self._choices(node, parts, depth)
            case _:
                return self._operation(node, depth)

    def _operation(self, node: ast.expr, depth: int) -> Part:
        match node:
            case ast.BoolOp(op=op, values=values):
                return self._all_or_any(isinstance(op, ast.And), values, depth)
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(node, op, operand, depth)
            case ast.BinOp(left=left, op=op, right=right):
                return self._arithmetic(node, left, op, right, depth)
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call():
                return self._call(node, depth)
        what = _SAID.get(type(node), type(node).__name__.lower())
        raise self._refused(
            node,
            f"A condition has no {what}: it has names, attributes, indexes, literals, comparisons, "
            f"and, or, not, in, + - * / // %, {', '.join(operators.FUNCTIONS)}, "
            f"and of texts .{', .'.join(operators.METHODS)}.",
        )

    def _constant(self, node: ast.Constant) -> Part:
        value = node.value
        if type(value) not in (str, int, float, bool, type(None)):
            raise self._refused(node, "Literals are texts, numbers, True, False and None.")
        if type(value) is str and len(value) > TEXT_CHARS_MAX:
            raise self._refused(node, f"A text has {TEXT_CHARS_MAX} characters at most.")
        if type(value) is int and value.bit_length() > operators.INT_BITS_MAX:
            raise self._refused(node, "The number is too large.")
        return Part(lambda _, __: value, is_plain=True)

    def _name(self, node: ast.expr, name: str) -> Part:
        self.names.add(name)
        if name in ENDINGS:
            place = ENDINGS.index(name)
            if name == "returned" and self._returned is Privacy.SECRET:
                raise self._refused(
                    node, "What comes back may be a secret: it cannot be asked for."
                )
            return Part(
                lambda _, ending: _there(ending[place], name), self._returned, is_plain=place > 0
            )
        privacy = self._privacy(node, name)
        return Part(lambda arguments, _: _there(arguments.get(name, NOTHING), name), privacy)

    def _attribute(self, node: ast.Attribute, depth: int) -> Part:
        name = node.attr
        if name.startswith("_"):
            raise self._refused(
                node, f"'{name}' begins with an underscore; such attributes are not read."
            )
        read, outer, _ = self.compiled(node.value, depth + 1)
        return Part(
            lambda arguments, ending: operators.attribute(read(arguments, ending), name),
            _within(outer, self._privacy(node, name)),
        )

    def _item(self, node: ast.expr, owner: ast.expr, index: ast.expr, depth: int) -> Part:
        read, outer, _ = self.compiled(owner, depth + 1)
        key = self.compiled(index, depth + 1)
        privacy = outer
        if isinstance(index, ast.Constant) and type(index.value) is str:
            privacy = _within(outer, self._privacy(node, index.value))
        elif not _is_literal(index):
            # The key is known at the call only, so any secret might be meant.
            raise self._refused(index, "An index is a number or a text written here.")
        return Part(
            lambda arguments, ending: operators.item(
                read(arguments, ending), key.read(arguments, ending)
            ),
            privacy,
        )

    def _choices(self, node: ast.expr, parts: list[ast.expr], depth: int) -> Part:
        reads = [self.compiled(part, depth + 1) for part in parts]
        if not all(isinstance(part, ast.Constant) for part in parts):
            raise self._refused(node, "A list in a condition has literals only.")
        values = tuple(part.read({}, Ending()) for part in reads)
        return Part(lambda _, __: values, is_plain=True)

    def _all_or_any(self, is_all: bool, values: list[ast.expr], depth: int) -> Part:
        reads = [self.compiled(value, depth + 1).read for value in values]

        def read(arguments: Arguments, ending: Ending) -> bool:
            for one in reads:
                if operators.truth(one(arguments, ending)) is not is_all:
                    return not is_all
            return is_all

        return Part(read, is_plain=True)

    def _unary(self, node: ast.expr, op: ast.unaryop, operand: ast.expr, depth: int) -> Part:
        read = self.compiled(operand, depth + 1).read
        if isinstance(op, ast.Not):
            return Part(lambda a, e: not operators.truth(read(a, e)), is_plain=True)
        if isinstance(op, ast.USub):
            return Part(lambda a, e: operators.negated(read(a, e)), is_plain=True)
        raise self._refused(node, "Of single signs there are 'not' and '-'.")

    def _arithmetic(
        self, node: ast.expr, left: ast.expr, op: ast.operator, right: ast.expr, depth: int
    ) -> Part:
        calculate = operators.ARITHMETIC.get(type(op))
        if calculate is None:
            raise self._refused(node, "Arithmetic is + - * / // and %.")
        one = self._compared(left, depth)
        other = self._compared(right, depth)
        return Part(
            lambda a, e: operators.calculated(calculate, one(a, e), other(a, e)), is_plain=True
        )

    def _comparison(self, node: ast.Compare, depth: int) -> Part:
        sides = [node.left, *node.comparators]
        is_none_asked = (
            len(sides) == 2
            and _is_none(sides[1])
            and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.Eq | ast.NotEq)
        )
        if any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops) and not is_none_asked:
            raise self._refused(node, "'is' asks for None only: x is None, x is not None.")
        if is_none_asked:
            read = self.compiled(node.left, depth + 1).read
            is_wanted = isinstance(node.ops[0], ast.Is | ast.Eq)
            return Part(lambda a, e: (read(a, e) is None) is is_wanted, is_plain=True)
        self._check_texts(node, sides)
        reads = [self._compared(side, depth) for side in sides]
        tests = [operators.COMPARISONS[type(op)] for op in node.ops]

        def compare(arguments: Arguments, ending: Ending) -> bool:
            left = reads[0](arguments, ending)
            for test, read in zip(tests, reads[1:], strict=True):
                right = read(arguments, ending)
                if not test(left, right):
                    return False
                left = right
            return True

        return Part(compare, is_plain=True)

    def _call(self, node: ast.Call, depth: int) -> Part:
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self._refused(node, "Functions take plain arguments.")
        match node.func, node.args:
            case ast.Name(id=name), [only] if name in operators.FUNCTIONS:
                # Length and type are told of anything; what else is computed is a comparison.
                read = self.compiled(only, depth + 1).read
                function = operators.FUNCTIONS[name]
                return Part(lambda a, e: function(read(a, e)), is_plain=True)
            case ast.Attribute(value=owner, attr=name), arguments if name in operators.METHODS:
                return self._method(node, owner, name, arguments, depth)
        raise self._refused(
            node,
            f"Functions are {', '.join(operators.FUNCTIONS)} of one value, and of texts "
            f".{', .'.join(operators.METHODS)}.",
        )

    def _method(
        self, node: ast.Call, owner: ast.expr, name: str, arguments: list[ast.expr], depth: int
    ) -> Part:
        method, count = operators.METHODS[name]
        if len(arguments) != count:
            raise self._refused(
                node, f".{name}() takes {count or 'no'} argument{'s' * (count != 1)}."
            )
        part = self.compiled(owner, depth + 1)
        if part.privacy is Privacy.CONTENT:
            raise self._refused(owner, _LENGTH_ONLY)
        read = self._guarded(part)
        others = [self._compared(one, depth) for one in arguments]
        return Part(
            lambda a, e: operators.called(method, read(a, e), [one(a, e) for one in others]),
            part.privacy,
            part.is_plain or count > 0,
        )

    def _compared(self, node: ast.expr, depth: int) -> Compiled:
        """What reads a value to look into it: refused here, or at the call, where it may not be."""
        return self._guarded(self.compiled(node, depth + 1))

    def _check_texts(self, node: ast.expr, sides: list[ast.expr]) -> None:
        """Told here with its place, where a message is plainly meant; else found at the call."""
        names = [_last_name(side) for side in sides]
        has_text = any(isinstance(one, ast.Constant) and type(one.value) is str for one in sides)
        if has_text and any(name and privacy_of(name) is Privacy.CONTENT for name in names):
            raise self._refused(node, _LENGTH_ONLY)

    def _guarded(self, part: Part) -> Compiled:
        read, privacy, is_plain = part
        if is_plain:
            return read
        is_carried = self._is_carried
        return lambda a, e: operators.visible(read(a, e), privacy, is_carried)

    def _privacy(self, node: ast.expr, name: str) -> Privacy:
        privacy = privacy_of(name)
        if privacy is Privacy.SECRET:
            raise self._refused(node, f"'{name}' may be a secret: conditions cannot ask for it.")
        return privacy

    def _refused(self, node: ast.expr, text: str) -> ConditionError:
        return ConditionError(text, self._text, self._position(node))

    def _position(self, node: ast.expr) -> int:
        """Where it begins; an attribute's own name. Python counts bytes of UTF-8, line by line."""
        line_number, column = node.lineno, node.col_offset
        if isinstance(node, ast.Attribute) and node.end_lineno and node.end_col_offset:
            line_number = node.end_lineno
            column = node.end_col_offset - len(node.attr.encode())
        lines = self._text.strip().splitlines(keepends=True)
        line = lines[line_number - 1] if line_number <= len(lines) else ""
        before = sum(len(one) for one in lines[: line_number - 1])
        chars = len(line.encode()[:column].decode(errors="ignore"))
        return len(self._text) - len(self._text.lstrip()) + before + chars


def _within(outer: Privacy, inner: Privacy) -> Privacy:
    """Whatever is in a content is content."""
    return Privacy.CONTENT if Privacy.CONTENT in (outer, inner) else inner


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _there(value: object, name: str) -> object:
    if value is NOTHING:
        raise CannotTell(f"there is no '{name}' then")
    return value
