"""The locustfile of a recording: its requests in their order, think time where there was some."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import quote

from loadproof.errors import ConfigError, Problem
from loadproof.safety.redact import is_secret_name, redact_text
from loadproof.scaffold.names import TAKEN, identifier
from loadproof.scaffold.recording.correlation import (
    CorrelatedValue,
    Correlation,
    is_reference,
    names_id,
    part_before,
    sent_values,
)
from loadproof.scaffold.recording.endpoints import chosen_by, end_pattern, takes_away, think_time_s
from loadproof.scaffold.recording.exchanges import (
    OWN_HEADERS,
    Content,
    Exchange,
    FormPart,
    Recording,
    fields_of,
    read_recording,
)
from loadproof.scaffold.recording.pages import id_name, is_fresh, is_id, is_one_time
from loadproof.scaffold.recording.people import asks_password
from loadproof.scaffold.source import formatted, in_f_string, literal, wrapped_comment
from loadproof.scaffold.template import render

_THINKING_S: Final = 1.0
"""A pause that is longer was a person's: what follows is a task of its own."""
_IMPORTS: Final = {
    "fnmatchcase": "from fnmatch import fnmatchcase",
    "parse_qsl": "from urllib.parse import parse_qsl",
    "unquote": "from urllib.parse import unquote",
    "urlsplit": "from urllib.parse import urlsplit",
}
_LONGEST_TEXT: Final = 2_000
_DJANGO: Final = frozenset({"csrfmiddlewaretoken", "x-csrftoken"})
"""Over HTTPS Django takes its token only with the address of a page of its own."""


@dataclass(slots=True)
class Request:
    """One request as source."""

    call: str
    status: str
    saves: list[tuple[str, str]] = field(default_factory=list)
    """Variables that its answer gives, and how."""
    needs: list[str] = field(default_factory=list)
    sets_token: str = ""
    logs_in: bool = False


@dataclass(slots=True)
class Click:
    """What was sent after one pause: a task."""

    function: str
    about: str
    requests: list[Request] = field(default_factory=list)


def locustfile_of_recording(document: Mapping[str, Any], file: str) -> tuple[str, str, list[str]]:
    """Source, base URL, and what was left out. Raises ConfigError."""
    recording = read_recording(document, file)
    writer = _Writer(recording)
    clicks = writer.clicks()
    if not clicks:
        why = "; ".join(recording.notes[:3])
        raise ConfigError(Problem("holds no request that could be played", file, why))
    low_s, high_s = think_time_s(recording.exchanges, _THINKING_S)
    body = render(
        "recording_locustfile.py",
        clicks=clicks, environment=writer.environment(), authorization=writer.authorization,
        lists=[(name, literal(values)) for name, values in sorted(writer.lists.items()) if writer.uses(name)],
        pages=writer.saves("from_page("), passed=writer.saves("from_address("), picks=writer.saves("pick("),
        ends=any("ends=" in request.status for click in clicks for request in click.requests),
        never=any("never=" in request.status for click in clicks for request in click.requests),
        moved=any("moved=" in request.status for click in clicks for request in click.requests),
        forms=any("logs_in=" in request.status for click in clicks for request in click.requests),
        afresh=writer.logs_in and not writer.cookie,
        tokens=any(request.sets_token for click in clicks for request in click.requests),
        cookie=writer.cookie, low=f"{low_s:g}", high=f"{high_s:g}", quoted=literal,
        variables=sorted(variable.name for variable in writer.correlation.variables.values()),
    )  # fmt: skip
    head = render(
        "recording_head.py",
        file=file.replace("\\", "/").rsplit("/", 1)[-1].replace('"', "'"),
        environment=writer.environment(),
        notes=[wrapped_comment(note) for note in recording.notes],
        modules=[name for name in ("html", "os", "random", "re", "uuid") if re.search(rf"\b{name}\.", body)],
        imports=[line for name, line in _IMPORTS.items() if f"{name}(" in body],
    )
    return formatted(head, body), recording.origin, recording.notes


class _Writer:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.correlation = Correlation(recording.exchanges)
        self.authorization: str | None = None
        """The environment variable for a credential that no answer gave."""
        self.cookie = False
        self.logs_in = False
        self.lists: dict[str, list[Any]] = {}
        """Ids that no answer gave, by the name of the list that they are taken from."""
        self._needs: list[str] = []
        self._calls: list[str] = []

    def clicks(self) -> list[Click]:
        """The tasks, in order."""
        exchanges = self._recording.exchanges
        requests = [self._request(number, exchange) for number, exchange in enumerate(exchanges)]
        for variable in self.correlation.variables.values():
            requests[variable.source].saves.append((variable.name, variable.code))
        self._give_tokens(requests)
        clicks: list[Click] = []
        used: set[str] = set(TAKEN)
        for number, (exchange, request) in enumerate(zip(exchanges, requests, strict=True)):
            if self._takes_away(number, exchange):
                continue
            pause_s = exchange.began_s - exchanges[number - 1].ended_s if number else _THINKING_S
            if not clicks or pause_s >= _THINKING_S:
                clicks.append(Click(self._function(number, exchange, used), self._about(number, exchange)))
            clicks[-1].requests.append(request)
        sent_cookies = any(exchange.header("cookie") for exchange in exchanges)
        self.cookie = sent_cookies and not any(exchange.sets_cookie for exchange in exchanges)
        return clicks

    def _takes_away(self, number: int, exchange: Exchange) -> bool:
        """Whether it deletes what the recording did not make: by a fixed id, or one of everybody's list."""

        def own(part: str, before: str) -> bool:
            known = self.correlation.variable_for(part, number, before)
            return known is not None and ", ANY" not in known.code

        return takes_away(exchange, own)

    def uses(self, name: str) -> bool:
        """Whether a request that is played holds this name."""
        return any(re.search(rf"\b{name}\b", call) for call in self._calls)

    def saves(self, beginning: str) -> bool:
        """Whether a variable is taken in this way."""
        return any(v.code.startswith(beginning) for v in self.correlation.variables.values())

    def environment(self) -> list[str]:
        """Names of the variables to set: those that the source uses."""
        known = self.correlation
        names = sorted({*known.environment.values(), *known.persons.values()})
        used = [name for name in names if name == self.authorization or self.uses(name)]
        return used + (["API_COOKIE"] if self.cookie else [])

    def _request(self, number: int, exchange: Exchange) -> Request:
        self._needs = []
        url, name = self._url(number, exchange)
        # Without a name, each value and each query would be an endpoint of its own.
        arguments = [url, *([f"name={literal(name)}"] if url != literal(name) or exchange.query else [])]
        if exchange.query:
            arguments.append(f"params={self._pairs(exchange.query, number)}")
        headers = [
            f"{literal(key)}: {self._header(key, value, number)}"
            for key, value in exchange.headers
            if not (key in OWN_HEADERS or key.startswith((":", "sec-", "if-", "x-forwarded")))
        ]
        names = {name for name, _ in (*exchange.headers, *fields_of(exchange.content))}
        if names & _DJANGO:
            headers.append('"Referer": f"{self.client.base_url}/"')
        if exchange.content is not None and exchange.content.kind == "text":
            headers.append(f'"Content-Type": {literal(exchange.content.content_type)}')
        arguments += [f"headers={{{', '.join(headers)}}}"] if headers else []
        arguments += self._body(exchange.content, number, f"{exchange.method} {name}")
        call = f"self.client.{exchange.method.lower()}({', '.join(arguments)}, catch_response=True)"
        self._authorize(exchange, number)
        if self._takes_away(number, exchange):
            note = f"{exchange.method} {name} would delete what this recording did not make: left out"
            self._recording.notes.append(note)
        else:
            self._calls.append(call)
        status = "" if exchange.redirects or exchange.status is None else f", {exchange.status}"
        people = self.correlation.people
        logs_in = not self.logs_in and any(
            value and steps and people.is_password(str(steps[-1])) for steps, value in sent_values(exchange)
        )
        self.logs_in = self.logs_in or logs_in
        ends = self._ends(exchange, number)
        if logs_in and exchange.page and not ends:
            if asks_password(exchange.page):
                self._recording.notes.append(f"{exchange.method} {name} logged nobody in: its form came back")
            else:
                ends = ", logs_in=True"
        return Request(call, status + ends, needs=list(self._needs), logs_in=logs_in)

    def _ends(self, exchange: Exchange, number: int) -> str:
        """Source of where its redirect has to end."""
        known = self.correlation
        ends = end_pattern(exchange.ends or "", lambda part, path: known.differs(part, number, path))
        own = "/" + "/".join(exchange.segments)
        if not ends:
            return ""
        # A log-in that led to /alice ends at /*, and one that failed leads back to /login.
        never = f", never={literal(own)}" if own != exchange.ends and fnmatchcase(own, ends) else ""
        # A form that leads to its own address comes back there, too, but at once.
        moved = ", moved=True" if own == exchange.ends and exchange.method != "GET" else ""
        return f", ends={literal(ends)}{never}{moved}"

    def _url(self, number: int, exchange: Exchange) -> tuple[str, str]:
        """Source of the path, and the name that all its values share."""
        shown, named, changes = [], [], False
        before = "/"
        for segment in exchange.segments:
            variable = self.correlation.variable_for(segment, number, before)
            secret = None if variable else self.correlation.secret_name(segment, part_before(before))
            if variable is not None:
                shown.append(f"{{{self._use(variable)}}}")
                named.append(f"[{variable.name}]")
            elif secret is not None:
                shown.append(f"{{{secret}}}")
                named.append(f"[{secret}]")
            elif is_id(segment):
                ids = self._listed(before, segment)
                shown.append(f"{{random.choice({ids})}}")
                named.append(f"[{ids.lower().removesuffix('s')}]")
                changes = True
            else:
                plain = quote(segment, safe="@!$&'()*+,;=:~-._")
                shown.append(plain.replace("{", "{{").replace("}", "}}"))
                named.append(plain)
            changes = changes or variable is not None or secret is not None
            before += f"{segment}/"
        path = "/" + "/".join(named) + chosen_by(exchange)
        return (f'f"/{"/".join(shown)}"' if changes else literal("/" + "/".join(named))), path

    def _value(self, key: str, value: Any, number: int) -> str:
        """Source of one value of a query or body."""
        if isinstance(value, bool) or value is None:
            return literal(value)
        one_time = is_one_time(key) or is_fresh(key)
        known = self.correlation
        given = is_reference(key, value) or str(value) in known.tokens or (key, str(value)) in known.hidden
        variable = self.correlation.variable_for(value, number, key=key) if given else None
        if variable is not None:
            return self._use(variable)
        if one_time:
            return self._one_time(key, str(value), number)
        origin = self._recording.origin
        if isinstance(value, str) and (value == origin or value.startswith(f"{origin}/")):
            return f'f"{{self.client.base_url}}{in_f_string(value.removeprefix(origin))}"'
        secret = (
            self.correlation.secret_name(value, key)
            if isinstance(value, str) or is_secret_name(key)
            else None
        )
        if secret is None and is_id(str(value)) and names_id(key):
            return f"random.choice({self._listed(key, value)})"
        return secret or literal(value)

    def _listed(self, what: str, value: Any) -> str:
        """The list for an id of `what`, a path or a field's name, with this value in it."""
        words = [word for word in what.split("/") if word and not is_id(word)]
        name = f"{id_name(words[-1] if words else 'page')}s".upper()
        values = self.lists.setdefault(name, [])
        if value not in values:
            values.append(value)
        return name

    def _one_time(self, key: str, value: str, number: int) -> str:
        """Source of a value that is good once, as a cookie or a page before gives it, or made anew."""
        if is_fresh(key):
            return "str(uuid.uuid4())"
        cookie = self.correlation.cookie_for(key, value, number)
        if cookie is not None:
            return cookie
        variable = self.correlation.guessed_variable(key, number)
        if variable is not None:
            return self._use(variable)
        note = f"no answer of the recording gave {key}: it is empty, take it from where your service gives it"
        if note not in self._recording.notes:
            self._recording.notes.append(note)
        return '""'

    def _pairs(self, pairs: Sequence[tuple[str, str]], number: int) -> str:
        """Source of a query or a form: a mapping, or a list where a name is there more than once."""
        names = [name for name, _ in pairs]
        filled = [name for name, value in pairs if value]
        values = [
            self.correlation.remember_person(value, number)
            if value and self.correlation.people.is_person(name, filled)
            else self._value(name, value, number)
            for name, value in pairs
        ]
        keys = [self._name(name, number) for name in names]
        if len(set(names)) == len(names):
            shown = (f"{name}: {value}" for name, value in zip(keys, values, strict=True))
            return f"{{{', '.join(shown)}}}"
        shown = (f"({name}, {value})" for name, value in zip(keys, values, strict=True))
        return f"[{', '.join(shown)}]"

    def _name(self, name: str, number: int) -> str:
        """Source of a field's name."""
        variable = self.correlation.name_for(name, number)
        return literal(name) if variable is None else self._use(variable)

    def _header(self, key: str, value: str, number: int) -> str:
        """Headers are text, whatever the answer had."""
        source = self._value(key, value, number)
        return f"str({source})" if source.startswith("self.") else source

    def _json(self, value: Any, number: int, key: str = "", siblings: Sequence[str] = ()) -> str:
        if isinstance(value, dict):
            names = [str(name) for name in value]
            items = (
                f"{literal(n)}: {self._json(v, number, n, names)}"
                for n, v in zip(names, value.values(), strict=True)
            )
            return "{" + ", ".join(items) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._json(inner, number, key) for inner in value) + "]"
        if isinstance(value, str) and self.correlation.people.is_person(key, siblings):
            return self.correlation.remember_person(value, number)
        return self._value(key, value, number)

    def _body(self, content: Content | None, number: int, where: str) -> list[str]:
        if content is None:
            return []
        if content.kind == "json":
            return [f"json={self._json(content.value, number)}"]
        if content.kind == "form":
            return [f"data={self._pairs(content.value, number)}"]
        if content.kind == "multipart":
            if any(part.file is not None for part in content.value):
                self._recording.notes.append(
                    f"{where} sent a form with files: they are a few bytes here, put in yours"
                )
            return [f"files=[{', '.join(self._part(part, number) for part in content.value)}]"]
        text = str(content.value)
        hidden = redact_text(text) != text or self.correlation.secret_name(text) is not None
        if hidden or len(text) > _LONGEST_TEXT:
            self._recording.notes.append(
                f"{where} sent {content.content_type}: its body is left out, put in yours"
            )
            text = "replace this by what the service takes"
        return [f"data={literal(text)}"]

    def _part(self, part: FormPart, number: int) -> str:
        """One field of a multipart form: a value, or a file of a few bytes with the ending that it had."""
        if part.file is None:
            return f"({literal(part.name)}, (None, {self._header(part.name, part.value, number)}))"
        ending = re.search(r"\.[A-Za-z0-9]{1,5}$", part.file)
        name = f"{identifier(part.name)}{ending[0] if ending else '.bin'}"
        return f'({literal(part.name)}, ("{name}", b"loadproof"))'

    def _authorize(self, exchange: Exchange, number: int) -> None:
        """Remember where the credential came from: an earlier answer, or the environment."""
        value = exchange.header("authorization")
        if not value:
            return
        bare = value.partition(" ")[2] or value
        if self.correlation.variable_for(bare, number) is None and self.authorization is None:
            self.authorization = self.correlation.secret_name(value)

    def _give_tokens(self, requests: list[Request]) -> None:
        """After the answer that gave it, a token goes with every request."""
        for number, exchange in enumerate(self._recording.exchanges):
            value = exchange.header("authorization")
            scheme, _, bare = value.partition(" ")
            variable = self.correlation.variable_for(bare or value, number) if value else None
            if variable is not None:
                name = f"self.{variable.name}"
                shown = f'f"{scheme} {{{name}}}"' if bare else name
                requests[variable.source].sets_token = shown

    def _use(self, variable: CorrelatedValue) -> str:
        name = f"self.{variable.name}"
        if name not in self._needs:
            self._needs.append(name)
        return name

    def _function(self, number: int, exchange: Exchange, used: set[str]) -> str:
        _, name = self._url(number, exchange)
        plain = "_".join(p for p in re.split(r"[/?=]", name) if p and not p.startswith("[")) or "start"
        base = identifier(f"{exchange.method.lower()}_{plain}")
        unique = next(n for n in (base, *(f"{base}_{i}" for i in range(2, 10_000))) if n not in used)
        used.add(unique)
        return unique

    def _about(self, number: int, exchange: Exchange) -> str:
        return f"{exchange.method} {self._url(number, exchange)[1]}".replace("\\", "/").replace('"', "'")[:90]
