"""A Python expression that makes a value for a JSON schema, a new one for each request where that can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from loadproof.safety.redact import is_secret_name, is_secret_value
from loadproof.scaffold.openapi.description import Description, Schema
from loadproof.scaffold.source import in_f_string, literal

_MAX_DEPTH: Final = 6
_MAX_CHOICES: Final = 20
_FORMATS: Final = {
    "date": "date.today().isoformat()",
    "date-time": 'datetime.now(timezone.utc).isoformat(timespec="seconds")',
    "time": '"12:00:00Z"',
    "uuid": "str(uuid.uuid4())",
    "email": 'f"user{random.randint(1, 1000)}@example.com"',
    "uri": '"https://example.com/"',
    "url": '"https://example.com/"',
    "hostname": '"example.com"',
    "ipv4": 'f"192.0.2.{random.randint(1, 254)}"',
    "ipv6": '"2001:db8::1"',
    "byte": '"bG9hZHByb29m"',
}
_USUAL: Final = (1.0, 1000.0)
_EARLIER: Final = ("start", "from", "since", "after", "begin")


class SchemaValues:
    """Expressions for the schemas of one description."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def expression(self, schema: object, name: str = "", where: str = "", depth: int = 0) -> str:
        """Python source. `name` is the field's, `where` the operation's, for notes."""
        flat = self._description.flat(schema)
        given = self._given(flat, name)
        if given is not None:
            return given
        kind = self._type(flat)
        if kind == "object":
            return self._object(flat, where, depth)
        if kind == "array":
            return self._array(flat, name, where, depth)
        make = _SIMPLE.get(kind)
        return make(flat) if make else self._string(flat, name, where)

    def properties(self, schema: object) -> dict[str, Schema]:
        """The fields that a request sends: required ones, and those for which there is an example."""
        flat = self._description.flat(schema)
        required = set(flat.get("required") or ())
        found = {}
        for name, inner in (flat.get("properties") or {}).items():
            field = self._description.flat(inner)
            if field.get("readOnly") is True:
                continue
            if name in required or "example" in field or "examples" in field or "const" in field:
                found[str(name)] = field
        return found

    def _given(self, schema: Schema, name: str) -> str | None:
        """What the description itself offers: const, enum, examples, example, default."""
        if "const" in schema:
            return literal(schema["const"])
        for key in ("enum", "examples"):
            listed = schema.get(key)
            if isinstance(listed, list) and (usable := [v for v in listed if v is not None]):
                shown = usable[:_MAX_CHOICES]
                if any(_is_secret(name, value) for value in shown):
                    return None
                texts = ", ".join(literal(value) for value in shown)
                return texts if len(shown) == 1 else f"random.choice([{texts}])"
        for key in ("example", "default"):
            if schema.get(key) is not None and not _is_secret(name, schema[key]):
                return literal(schema[key])
        return None

    def _type(self, schema: Schema) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):  # OpenAPI 3.1: [string, "null"]
            kind = next((k for k in kind if k != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema or "additionalProperties" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def _object(self, schema: Schema, where: str, depth: int) -> str:
        if depth > _MAX_DEPTH:
            self._description.note(f"{where}: nested deeper than {_MAX_DEPTH}: left empty there")
            return "{}"
        items = [
            f"{literal(name)}: {self.expression(field, name, where, depth + 1)}"
            for name, field in self.properties(schema).items()
        ]
        return "{" + ", ".join(items) + "}"

    def _array(self, schema: Schema, name: str, where: str, depth: int) -> str:
        if depth > _MAX_DEPTH:
            return "[]"
        least = schema.get("minItems")
        number = min(max(int(least), 1), 20) if isinstance(least, int) else 1
        item = self.expression(schema.get("items"), name, where, depth + 1)
        return f"[{item}]" if number == 1 else f"[{item} for _ in range({number})]"

    def _string(self, schema: Schema, name: str, where: str) -> str:
        kind = schema.get("format")
        if kind in {"date", "date-time"} and name.lower().startswith(_EARLIER):
            earlier = "date.today() - timedelta(days=30)"
            return f"({earlier}).isoformat()" if kind == "date" else (
                '(datetime.now(timezone.utc) - timedelta(days=30)).isoformat(timespec="seconds")'
            )  # fmt: skip
        if kind == "password" or is_secret_name(name):
            return "PASSWORD"
        if isinstance(kind, str) and kind in _FORMATS:
            return _FORMATS[kind]
        if "pattern" in schema:
            self._description.note(
                f"{where}: '{name}' must match {str(schema['pattern'])[:60]}: put in a value that does"
            )
        least, most = schema.get("minLength"), schema.get("maxLength")
        text = f"{name or 'text'} "
        if isinstance(least, int) and least > len(text) + 4:
            text = (text * least)[: max(least - 3, 1)]
        if isinstance(most, int) and most < len(text) + 4:
            return literal("abcdefghijklmnopqrstuvwxyz"[: min(max(most, 0), 26)])
        return f'f"{in_f_string(text)}{{random.randint(100, 9999)}}"'


def _is_secret(name: str, value: object) -> bool:
    """A real token that somebody left in the description. A short example password is none."""
    return isinstance(value, str) and is_secret_value(value) and (is_secret_name(name) or len(value) >= 32)


def _integer(schema: Schema) -> str:
    low, high = _bounds(schema)
    low_int, high_int = math.ceil(low), math.floor(high)
    step = schema.get("multipleOf")
    if isinstance(step, int) and step > 1:
        return f"random.randrange({math.ceil(low_int / step) * step}, {high_int + 1}, {step})"
    return str(low_int) if low_int >= high_int else f"random.randint({low_int}, {high_int})"


def _bounds(schema: Schema) -> tuple[float, float]:
    """Inclusive bounds: those of the schema, narrowed to 1 to 1000 where that is within them.

    A bound such as 2**63 - 1 says what fits, not what is meant.
    """
    low, high = _number(schema.get("minimum")), _number(schema.get("maximum"))
    least, most = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    # OpenAPI 3.0 has them as booleans beside minimum and maximum, 3.1 as numbers.
    above = low if least is True else _number(least)
    below = high if most is True else _number(most)
    low = max([-math.inf if low is None else low] + ([] if above is None else [above + 1]))
    high = min([math.inf if high is None else high] + ([] if below is None else [below - 1]))
    if low <= _USUAL[1] and high >= _USUAL[0]:
        return max(low, _USUAL[0]), max(low, min(high, _USUAL[1]))
    return (low, max(low, min(high, low + _USUAL[1]))) if math.isfinite(low) else (high - _USUAL[1], high)


def _decimal(schema: Schema) -> str:
    low, high = _bounds(schema)
    return f"round(random.uniform({low:g}, {high:g}), 2)"


_SIMPLE: Final[dict[str, Callable[[Schema], str]]] = {
    "integer": _integer,
    "number": _decimal,
    "boolean": lambda _: "random.choice([True, False])",
    "null": lambda _: "None",
}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
