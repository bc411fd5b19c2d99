"""A test plan (`.jmx`) as its elements, each with its line; what is switched off is not in it.

The file is XStream's: inside a `hashTree` each element is followed by the `hashTree` of what stands below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from loadproof.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Node:
    """One XML element."""

    tag: str
    attributes: dict[str, str]
    line: int
    start: int
    """Byte offset of its start tag."""
    end: int = 0
    """Byte offset of its end tag; that of its start tag when it has none."""
    text: str = ""
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """A property's name; numbers with a fraction have it in an element of its own."""
        return self.attributes.get("name") or self._inner("name")

    @property
    def value(self) -> str:
        """A property's value as it is written."""
        return self.text.strip() or self._inner("value")

    def _inner(self, tag: str) -> str:
        return next((child.text.strip() for child in self.children if child.tag == tag), "")


@dataclass(slots=True)
class Element:
    """One element of the plan and what stands below it."""

    node: Node
    file: Path
    below: list[Element] = field(default_factory=list)
    parent: Element | None = None
    off: list[Element] = field(default_factory=list)
    """Below it, and switched off."""

    @property
    def kind(self) -> str:
        """Its class, whole or by JMeter's short name: "HTTPSamplerProxy", "kg.apc.jmeter.DummySampler"."""
        return self.node.attributes.get("testclass") or self.node.tag

    @property
    def simple_kind(self) -> str:
        return self.kind.rpartition(".")[2]

    @property
    def label(self) -> str:
        return self.node.attributes.get("testname", "")

    @property
    def where(self) -> str:
        return f"{self.file}:{self.node.line}"

    def property(self, name: str) -> Node | None:
        """The property's node, whatever its type; None when it is not written."""
        return next((child for child in self.node.children if child.name == name), None)

    def text(self, name: str) -> str:
        """The property as it is written; "" when it is not."""
        found = self.property(name)
        return found.value if found is not None else ""

    def line_of(self, name: str) -> int:
        """The line of a property, or else of the element."""
        found = self.property(name)
        return found.line if found is not None else self.node.line

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in the order of the file."""
        yield self
        for child in self.below:
            yield from child.walk()

    def whole(self) -> Iterator[Element]:
        """The same with all that is switched off: JMeter reads it, and does not play it."""
        yield self
        for child in (*self.below, *self.off):
            yield from child.whole()

    def copied(self, parent: Element) -> Element:
        """Itself and all below it, at another place."""
        copy = Element(self.node, self.file, parent=parent)
        copy.below = [child.copied(copy) for child in self.below]
        return copy

    def above(self) -> Iterator[Element]:
        """Its parent, that one's parent, and so on."""
        element = self.parent
        while element is not None:
            yield element
            element = element.parent


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A parsed plan."""

    path: Path
    root: Element
    nodes: Node
    """The whole document, what is switched off included."""
    data: bytes

    def walk(self) -> Iterator[Element]:
        return self.root.walk()

    def played(self) -> Iterator[Element]:
        """What the load is made of: fragments are played only where a controller names them."""
        for element in self.root.below:
            if element.simple_kind == "WorkBench":
                continue  # of JMeter 2 and 3: a place for what is not played
            yield element
            for child in element.below:
                if child.simple_kind != "TestFragmentController":
                    yield from child.walk()

    def of(self, *kinds: str) -> list[Element]:
        """All elements of these classes, by their simple names."""
        return [element for element in self.walk() if element.simple_kind in kinds]

    @property
    def source(self) -> str:
        return self.data.decode(errors="replace")


def read_plan_file(path: Path) -> PlanFile:
    """Parse a test plan.

    Raises:
        ConfigError: it cannot be read, is no XML, or no test plan; with its line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(Problem(f"cannot read the plan: {error.strerror}", str(path))) from None
    document = _parse(data, path)
    tree = next((child for child in document.children if child.tag == "hashTree"), None)
    if document.tag != "jmeterTestPlan" or tree is None:
        hint = "a test plan is what JMeter saves: <jmeterTestPlan> with a hashTree"
        raise ConfigError(Problem("this is no JMeter test plan", f"{path}:{document.line}", hint))
    root = Element(document, path)
    _place(tree, root)
    if not any(element.simple_kind in ("TestPlan", "TestFragmentController") for element in root.below):
        raise ConfigError(Problem("there is no Test Plan element in it", f"{path}:{document.line}"))
    return PlanFile(path, root, document, data)


def _place(tree: Node, parent: Element) -> None:
    children = iter(tree.children)
    element: Element | None = None
    for child in children:
        if child.tag != "hashTree":
            element = Element(child, parent.file, parent=parent)
            on = child.attributes.get("enabled", "true") != "false"
            (parent.below if on else parent.off).append(element)
        elif element is not None:
            _place(child, element)


def _parse(data: bytes, path: Path) -> Node:
    document = Node("", {}, 1, 0)
    stack = [document]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        node = Node(tag, attributes, parser.CurrentLineNumber, parser.CurrentByteIndex)
        stack[-1].children.append(node)
        stack.append(node)

    def end(_tag: str) -> None:
        stack.pop().end = parser.CurrentByteIndex

    def characters(text: str) -> None:
        stack[-1].text += text

    def refuse_entity(*_: object) -> None:
        # JMeter's own files have none, and entities that name each other fill the memory.
        raise ConfigError(Problem("the plan declares XML entities", f"{path}:{parser.CurrentLineNumber}"))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = refuse_entity
    try:
        parser.Parse(data, True)  # expat takes it by position
    except expat.ExpatError as error:
        message = f"this is no XML: {expat.errors.messages[error.code]}"
        raise ConfigError(Problem(message, f"{path}:{error.lineno}")) from None
    return document.children[0]
