"""What `${...}` in a plan stands for, as far as it can be known before the plan runs.

Known are properties (`__P`, `__property`), User Defined Variables and texts made of them. Scripts, counters,
random numbers and what a plan extracts from answers are not: they are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadproof.engines.jmeter.plan_file import Element, Node, PlanFile

_DEEPEST = 20
"""Variables that name each other: JMeter itself leaves a circle as text."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A User Defined Variable as it is written."""

    name: str
    value: str
    node: Node | None
    """Of its value; None when it comes from `--var` alone."""
    where: str


@dataclass(frozen=True, slots=True)
class PropertyRead:
    """A property that the plan reads, and what it is without one."""

    name: str
    default: str | None


class Values:
    """Resolves texts of one plan."""

    def __init__(self, properties: Mapping[str, str], variables: Mapping[str, Variable]) -> None:
        self.properties = dict(properties)
        self.variables = dict(variables)

    def resolve(self, text: str, depth: int = 0) -> str | None:
        """The text with everything known put in; None when something in it is not known."""
        if "${" not in text:
            return text
        if depth > _DEEPEST:
            return None
        out = []
        for literal, inner in parts(text):
            out.append(literal)
            if inner is not None:
                value = self._reference(inner, depth)
                if value is None:
                    return None
                out.append(value)
        return "".join(out)

    def number(self, text: str) -> float | None:
        """The text as a number, where it is known to be one."""
        found = self.resolve(text)
        try:
            return float(found) if found else None
        except ValueError:
            return None

    def property_of(self, text: str, depth: int = 0) -> PropertyRead | None:
        """The property that decides the whole text: "${__P(users,10)}", or a variable that holds that."""
        pieces = [(literal, inner) for literal, inner in parts(text.strip()) if literal or inner is not None]
        if len(pieces) != 1 or pieces[0][0] or pieces[0][1] is None or depth > _DEEPEST:
            return None
        inner = pieces[0][1]
        call = function(inner)
        if call is None:
            variable = self.variables.get(inner)
            return self.property_of(variable.value, depth + 1) if variable else None
        name, args = call
        if name not in ("__P", "__property") or not args:
            return None
        default = args[1:2] if name == "__P" else args[2:3]
        known = self.resolve(args[0], depth + 1)
        return (
            PropertyRead(known, self.resolve(default[0], depth + 1) if default else None) if known else None
        )

    def _reference(self, inner: str, depth: int) -> str | None:
        call = function(inner)
        if call is None:
            variable = self.variables.get(inner)
            return self.resolve(variable.value, depth + 1) if variable else None
        name, args = call
        if name not in ("__P", "__property") or not args:
            return None
        known = self.resolve(args[0], depth + 1)
        if known is None:
            return None
        if known in self.properties:
            return self.properties[known]
        default = args[1:2] if name == "__P" else args[2:3]
        if default:
            return self.resolve(default[0], depth + 1)
        return "1" if name == "__P" else known  # what JMeter's functions answer without a default


def variables_of(plan: PlanFile) -> dict[str, Variable]:
    """The User Defined Variables of the plan, wherever they stand; JMeter reads all before the load."""
    found: dict[str, Variable] = {}
    for element in plan.of("TestPlan", "Arguments"):
        holder = element.node
        if element.simple_kind == "TestPlan":
            own = element.property("TestPlan.user_defined_variables")
            if own is None:
                continue
            holder = own
        for name, value, node in arguments_of(holder):
            found[name] = Variable(name, value, node, f"{element.file}:{(node or holder).line}")
    return found


def arguments_of(holder: Node) -> list[tuple[str, str, Node | None]]:
    """Name, value and the value's node of each `Argument` in an `Arguments` element."""
    found = []
    for collection in holder.children:
        if collection.name == "Arguments.arguments":
            for item in collection.children:
                texts = {child.name: child for child in item.children}
                name = texts["Argument.name"].text.strip() if "Argument.name" in texts else item.name
                value = texts.get("Argument.value")
                found.append((name, value.text if value is not None else "", value))
    return found


def properties_read(plan: PlanFile) -> dict[str, str | None]:
    """Every property that the plan reads by `__P` or `__property`, with its written default."""
    found: dict[str, str | None] = {}

    def look(text: str) -> None:
        for _, inner in parts(text):
            if inner is None:
                continue
            call = function(inner)
            if call is None:
                continue
            name, args = call
            if name in ("__P", "__property") and args and "${" not in args[0]:
                default = args[1:2] if name == "__P" else args[2:3]
                found.setdefault(args[0], default[0] if default else None)
            for argument in args:
                look(argument)

    for element in plan.walk():
        for node in _nodes(element):
            look(node.text)
    return found


def _nodes(element: Element) -> list[Node]:
    found, waiting = [], [element.node]
    if element.parent is None:
        return []
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += node.children
    return found


def parts(text: str) -> list[tuple[str, str | None]]:
    """Pairs of literal text and what stands in the braces after it; the last pair may have no braces."""
    found: list[tuple[str, str | None]] = []
    position = 0
    while True:
        begin = text.find("${", position)
        end = _closing(text, begin + 2) if begin >= 0 else -1
        if begin < 0 or end < 0:
            found.append((text[position:], None))
            return found
        found.append((text[position:begin], text[begin + 2 : end]))
        position = end + 1


def function(inner: str) -> tuple[str, list[str]] | None:
    """Name and arguments of "__P(users,10)"; None for a variable's name."""
    name, bracket, rest = inner.strip().partition("(")
    if not name.startswith("__"):
        return None
    if not bracket:
        return name, []
    arguments, depth, current = [], 0, ""
    escaped = False
    for char in rest.rpartition(")")[0]:
        if escaped:
            current, escaped = current + char, False
        elif char == "\\":
            escaped = True
        elif char == "," and depth == 0:
            arguments.append(current.strip())
            current = ""
        else:
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(char, 0)
            current += char
    return name, [*arguments, current.strip()]


def _closing(text: str, position: int) -> int:
    """Where the brace that was opened before `position` closes; -1 if nowhere."""
    depth = 1
    for index in range(position, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return -1
