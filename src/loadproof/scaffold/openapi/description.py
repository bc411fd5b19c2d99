"""An OpenAPI 3 document as operations: references followed, what is inherited written out.

OpenAPI Specification 3.0.4 and 3.1.1. What cannot be followed becomes a note, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from loadproof.errors import ConfigError, Problem
from loadproof.safety.plain import one_line

Schema = dict[str, Any]

METHODS: Final = ("get", "post", "put", "patch", "delete")
_MAX_HOPS: Final = 20
_MAX_DEPTH: Final = 12
_BODY_ORDER: Final = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: str
    """path, query, header or cookie."""
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Body:
    content_type: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    """Upper case."""
    path: str
    """With the server's base path in front, parameters as {name}."""
    name: str
    """operationId, or made of method and path."""
    summary: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    statuses: tuple[int, ...]
    """Documented statuses below 400; empty when none is."""
    answer: Schema
    """Of the first of them, as JSON; {} when it is not described."""

    def in_place(self, place: str) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.place == place)


@dataclass(slots=True)
class Description:
    """A document that has been read. `notes` are what could not be followed."""

    document: Schema
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        info = _mapping(self.document.get("info"))
        return " ".join(str(info.get(key, "")) for key in ("title", "version")).strip() or "an API"

    @property
    def server(self) -> str:
        """The first server's URL, its variables filled with their defaults; "" without one."""
        servers = self.document.get("servers")
        first = _mapping(servers[0]) if isinstance(servers, list) and servers else {}
        url = str(first.get("url", ""))
        for name, variable in _mapping(first.get("variables")).items():
            url = url.replace(f"{{{name}}}", str(_mapping(variable).get("default", "")))
        return url

    @property
    def _server_parts(self) -> SplitResult:
        try:
            return urlsplit(self.server)
        except ValueError:
            return urlsplit("")  # a broken address says nothing

    @property
    def target(self) -> str | None:
        """Base URL without its path; None when the description does not say."""
        parts = self._server_parts
        return (
            f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} and parts.netloc else None
        )

    @property
    def schemes(self) -> dict[str, Schema]:
        """Security schemes by name."""
        components = _mapping(self.document.get("components"))
        schemes = _mapping(components.get("securitySchemes"))
        return {str(name): self.follow(scheme) for name, scheme in schemes.items()}

    def operations(self) -> Iterator[Operation]:
        """In the document's order; deprecated ones are left out with a note."""
        base = self._server_parts.path.rstrip("/")
        for path, item in _mapping(self.document.get("paths")).items():
            described = self.follow(item)
            for method in METHODS:
                operation = described.get(method)
                if not isinstance(operation, dict):
                    continue
                if operation.get("deprecated") is True:
                    self.note(f"{method.upper()} {path} is deprecated: left out")
                    continue
                found = self.follow(operation)
                if "$ref" in operation and not found:
                    self.note(f"{method.upper()} {path} is described elsewhere: left out")
                    continue
                yield self._operation(method, f"/{str(path).lstrip('/')}", base, described, found)

    def follow(self, node: object) -> Schema:
        """The mapping that a node is, or refers to within the document; {} for anything else."""
        for _ in range(_MAX_HOPS):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        self.note("references lead in a circle: taken as empty")
        return {}

    def flat(self, schema: object, depth: int = 0) -> Schema:
        """A schema with its reference followed, allOf merged, and the first of anyOf or oneOf chosen."""
        found = _of_their_types(self.follow(schema))
        if depth > _MAX_DEPTH:
            return {}
        parts = [part for part in found.get("allOf") or () if isinstance(part, dict)]
        chosen = next((c for key in ("oneOf", "anyOf") for c in self._choices(found.get(key))), None)
        parts += [chosen] if chosen is not None else []
        if not parts:
            return found
        merged: Schema = {}
        own = {key: value for key, value in found.items() if key not in {"allOf", "oneOf", "anyOf"}}
        for part in [*(self.flat(part, depth + 1) for part in parts), own]:
            properties = {**_mapping(merged.get("properties")), **_mapping(part.get("properties"))}
            required = [
                *merged.get("required", ()),
                *(r for r in part.get("required") or () if isinstance(r, str)),
            ]
            merged = {**merged, **part}
            merged |= {"properties": properties} if properties else {}
            merged |= {"required": required} if required else {}
        return merged

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _choices(self, listed: object) -> Iterator[Schema]:
        for choice in listed if isinstance(listed, list) else ():
            if self.follow(choice).get("type") != "null":
                yield choice

    def _at(self, reference: str) -> object:
        if not reference.startswith("#/"):
            self.note(f"the reference {reference[:80]} leads out of this file: taken as empty")
            return {}
        node: object = self.document
        for step in reference[2:].split("/"):
            key = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                self.note(f"the reference {reference[:80]} leads nowhere: taken as empty")
                return {}
        return node

    def _operation(self, method: str, path: str, base: str, item: Schema, operation: Schema) -> Operation:
        responses = _mapping(operation.get("responses"))
        good = {str(code): self.follow(r) for code, r in responses.items() if _good(str(code))}
        first = next(iter(good.values()), {})
        answer = _mapping(_mapping(first.get("content")).get("application/json")).get("schema")
        name = str(operation.get("operationId") or f"{method} {path}")
        return Operation(
            method=method.upper(),
            path=base + path,
            name=name,
            summary=_sentence(operation.get("description") or operation.get("summary")),
            parameters=tuple(self._parameters(path, item, operation)),
            body=self._body(operation, f"{method.upper()} {path}"),
            statuses=tuple(sorted(int(code) for code in good if code.isdecimal())),
            answer=self.flat(answer),
        )

    def _parameters(self, path: str, item: Schema, operation: Schema) -> Iterator[Parameter]:
        """The operation's, over those of its path, over those that stand in the path only."""
        found = {
            (name, "path"): Parameter(name, "path", True, {}) for name in re.findall(r"\{([^{}/]+)\}", path)
        }
        for listed in (item.get("parameters"), operation.get("parameters")):
            for node in listed if isinstance(listed, list) else ():
                parameter = self.follow(node)
                name, place = str(parameter.get("name", "")), str(parameter.get("in", ""))
                if not name or place not in {"path", "query", "header", "cookie"}:
                    continue
                schema = dict(self.flat(parameter.get("schema")))
                for key in ("example", "examples"):
                    if parameter.get(key) is not None:
                        schema[key] = _examples(parameter[key])
                required = parameter.get("required") is True or place == "path"
                found[name, place] = Parameter(name, place, required, schema)
        yield from found.values()

    def _body(self, operation: Schema, where: str) -> Body | None:
        content = _mapping(self.follow(operation.get("requestBody")).get("content"))
        if not content:
            return None
        known = [kind for kind in _BODY_ORDER if kind in content]
        json_like = [kind for kind in content if re.fullmatch(r"application/(?:[\w.-]+\+)?json", str(kind))]
        kind = str((known + json_like + list(content))[0])
        if not known and not json_like:
            self.note(f"{where} takes {kind}: its body is a text to replace")
        media = _mapping(content[kind])
        schema = dict(self.flat(media.get("schema")))
        for key in ("example", "examples"):
            if media.get(key) is not None:
                schema[key] = _examples(media[key])
        return Body(kind, schema)


_TYPES: Final = {
    "properties": dict,
    "required": list,
    "allOf": list,
    "enum": list,
    "format": str,
    "pattern": str,
}


def _of_their_types(schema: Schema) -> Schema:
    """A schema without keywords of another type than theirs: tools write the oddest, and people by hand."""
    wrong = [key for key, kind in _TYPES.items() if key in schema and not isinstance(schema[key], kind)]
    found = {key: value for key, value in schema.items() if key not in wrong} if wrong else schema
    if all(isinstance(name, str) for name in found.get("required", ())):
        return found
    return {**found, "required": [name for name in found["required"] if isinstance(name, str)]}


def read_description(document: object, where: str) -> Description:
    """Raises ConfigError when this is no OpenAPI 3 document, or one without paths."""
    if not isinstance(document, dict):
        raise ConfigError(Problem("is no OpenAPI description", where))
    if "swagger" in document:
        hint = (
            "convert it to OpenAPI 3 first: npx swagger2openapi FILE, or the converter of editor.swagger.io"
        )
        raise ConfigError(Problem("is Swagger 2.0", where, hint))
    if not str(document.get("openapi", "")).startswith("3."):
        raise ConfigError(Problem("is no OpenAPI 3 description: `openapi: 3.x` is missing", where))
    if not _mapping(document.get("paths")):
        raise ConfigError(Problem("describes no paths", where))
    return Description(document)


def _examples(value: object) -> object:
    """The values of OpenAPI's named examples ({name: {value: ...}}); anything else as it is."""
    if (
        isinstance(value, dict)
        and value
        and all(isinstance(v, dict) and "value" in v for v in value.values())
    ):
        return [example["value"] for example in value.values()]
    return value


def _good(code: str) -> bool:
    return bool(re.fullmatch(r"[23](?:\d\d|XX)", code, re.IGNORECASE))


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _sentence(text: object) -> str:
    """The first line, for a docstring: no quotes that would end it, no backslashes."""
    lines = str(text or "").strip().splitlines()
    line = lines[0].strip() if lines else ""
    return one_line(line.replace("\\", "/").replace('"', "'")[:90])
