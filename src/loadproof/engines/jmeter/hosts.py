"""Where a plan's requests go, as far as that can be known before it runs, and how to send them elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from loadproof.engines.jmeter.elements import HTTP_SAMPLERS
from loadproof.engines.jmeter.values import Values, Variable, parts
from loadproof.errors import Problem
from loadproof.safety.urls import same_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadproof.engines.jmeter.plan_file import Element, PlanFile

_DEFAULTS: Final = ("ConfigTestElement",)
_PORTS: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where one sampler's requests go, as it is written."""

    element: Element
    protocol: str
    domain: str
    port: str
    path: str
    line: int
    """Of what says the host: in the sampler, or in its HTTP Request Defaults."""

    def base(self, values: Values) -> str | None:
        """ "http://127.0.0.1:8000"; None when it is not known."""
        path = values.resolve(self.path.partition("?")[0])
        if path is None:
            # Only its host need be known.
            first = parts(self.path)[0]
            path = values.resolve("${" + first[1] + "}") if not first[0] and first[1] else first[0]
        if path and path.lower().startswith(("http://", "https://")):
            split = urlsplit(path)
            return f"{split.scheme}://{split.netloc}" if split.netloc else None
        protocol, domain, port = (values.resolve(text) for text in (self.protocol, self.domain, self.port))
        if protocol is None or not domain or port is None:
            return None
        protocol = protocol.lower() or "http"
        return f"{protocol}://{domain}" + (f":{port}" if port and port != _PORTS.get(protocol) else "")


def addresses(plan: PlanFile) -> Iterator[Address]:
    """Of each HTTP sampler, with what HTTP Request Defaults add."""
    for element in plan.played():
        if element.simple_kind in HTTP_SAMPLERS:
            found = {name: _effective(element, f"HTTPSampler.{name}") for name in _FIELDS}
            decides = found["path"] if "://" in found["path"][0] else found["domain"]
            protocol, domain, port, path = (found[name][0] for name in _FIELDS)
            yield Address(element, protocol, domain, port, path, decides[1])


_FIELDS: Final = ("protocol", "domain", "port", "path")


def targets_of(plan: PlanFile, values: Values) -> list[str]:
    """Base URLs that the load will go to, in order, each once."""
    bases = (address.base(values) for address in addresses(plan))
    return list(dict.fromkeys(base for base in bases if base))


def no_hosts(plan: PlanFile, values: Values) -> list[Problem]:
    """Server names and ports that are none, such as "http://localhost" for "localhost", each place once."""
    problems: dict[str, Problem] = {}
    for address in addresses(plan):
        base = address.base(values)
        if base is None or _is_base(base):
            continue
        where = f"{address.element.file}:{address.line}"
        hint = 'a server name is as "localhost", its protocol and its port have fields of their own'
        problems.setdefault(
            where, Problem(f"requests of '{address.element.label}' go to {base}", where, hint)
        )
    return list(problems.values())


def _is_base(base: str) -> bool:
    try:
        split = urlsplit(base)
        plain = split.netloc.rpartition("@")[2].rpartition("]")[2].count(":") <= 1
        return bool(split.hostname) and plain and split.port != 0 and base.endswith(split.netloc)
    except ValueError:
        return False


def unknown_hosts(plan: PlanFile, values: Values) -> list[Address]:
    """Samplers whose host is known only when they run."""
    return [address for address in addresses(plan) if address.base(values) is None]


def retarget(plan: PlanFile, values: Values, target: str) -> tuple[dict[str, str], list[Problem]]:
    """The properties that send every request to `target`, or where the plan does not read any."""
    wanted = urlsplit(target)
    properties: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    for address in addresses(plan):
        base = address.base(values)
        if base is not None and same_host(base, target):
            continue
        whole = _url_property(address, values)
        if whole is not None:
            properties[whole] = target.rstrip("/")
            continue
        changes, kept = _changes(address, values, target)
        if kept:
            file = address.element.file
            problems.setdefault(
                f"{file}:{address.line}:{kept}", _fixed(address, values, kept, wanted.hostname)
            )
        properties |= changes
    return properties, list(problems.values())


def _changes(address: Address, values: Values, target: str) -> tuple[dict[str, str], str]:
    """Properties to set, or which of domain, port and protocol cannot be set."""
    wanted = urlsplit(target)
    host = wanted.hostname or ""
    new = {
        "domain": f"[{host}]" if ":" in host else host,
        "port": str(wanted.port or _PORTS.get(wanted.scheme, "")),
        "protocol": wanted.scheme,
    }
    changes: dict[str, str] = {}
    for name, text in (("domain", address.domain), ("port", address.port), ("protocol", address.protocol)):
        now = values.resolve(text)
        if name == "protocol" and not now:
            now = "http"
        if name == "port" and not now and now is not None:
            now = _PORTS.get((values.resolve(address.protocol) or "http").lower(), "")
        if now is not None and now.lower() == new[name].lower():
            continue
        read = values.property_of(text)
        if read is None:
            return {}, name
        changes[read.name] = new[name]
    return changes, ""


def _url_property(address: Address, values: Values) -> str | None:
    """The property that holds a whole URL at the begin of the path."""
    first = parts(address.path)[0]
    if first[0] or first[1] is None:
        return None
    text = "${" + first[1] + "}"
    read = values.property_of(text)
    known = values.resolve(text)
    return read.name if read and known and known.startswith(("http://", "https://")) else None


def _fixed(address: Address, values: Values, part: str, host: str | None) -> Problem:
    written = {"domain": address.domain, "port": address.port, "protocol": address.protocol}[part]
    if "://" in address.path:
        written = urlsplit(address.path).hostname or address.path
        part = "path"
    shown = written or "(nothing)"
    variable = _variable_in(written, values)
    where = f"{address.element.file}:{address.line}"
    message = f"the plan's {part} is {shown}: it does not follow the target {host}"
    if variable is not None:
        hint = (
            f"give --var {variable.name}=... instead, or write ${{__P({variable.name},{variable.value})}} in "
        )
        return Problem(message, where, f"{hint}{variable.where}")
    name = {"domain": "host", "path": "host"}.get(part, part)
    hint = (
        f"write ${{__P({name},{written})}} there, and give -J{name}=... or --target; or leave out the target"
    )
    return Problem(message, where, hint)


def _variable_in(text: str, values: Values) -> Variable | None:
    inner = [name for _, name in parts(text) if name]
    return values.variables.get(inner[0]) if len(inner) == 1 else None


def _effective(element: Element, name: str) -> tuple[str, int]:
    """A property of a sampler, or else of the nearest HTTP Request Defaults, and its line."""
    holders = [element, *(child for child in element.below if child.kind in _DEFAULTS)]
    for above in element.above():
        holders += [child for child in above.below if child.kind in _DEFAULTS]
    for holder in holders:
        text = holder.text(name)
        if text:
            return text, holder.line_of(name)
    return "", element.node.line
