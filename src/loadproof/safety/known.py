"""Values that are known to be secret, whoever knows them: variables, arguments, URLs; and what hides them.

One value may come back in many spellings. Each is looked for: as URLs, JSON, HTML, Python, Java and Go write
it, in base64 wherever in a longer text it began, and line by line where it has several lines.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from loadproof.safety.redact import (
    HIDDEN,
    has_secret_shape,
    is_secret_name,
    is_secret_value,
    redact_text,
)

_SHORTEST_KNOWN: Final = 4
"""Exact values shorter than this are not searched for: hiding every "1" would hide the measurements."""
_SHORTEST_LINE: Final = 8
"""Of one with several lines: a shorter line may be a bracket, or a word."""
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\Z")
"""Nothing stands behind it: a key follows line by line, and the line is not about one."""
_KEY_ENDS = "-----END"
_FIELD_OF_A_KEY = re.compile(r"\s*(?:Proc-Type|DEK-Info): \S+\s*")
"""Before the key itself (RFC 1421)."""
_OF_A_KEY = re.compile(r"\s*[A-Za-z0-9+/]{16,}={0,2}\s*")
_LAST_OF_A_KEY = re.compile(
    r"\s*(?:[A-Za-z0-9+/]{4}){,3}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/][A-Za-z0-9+/=])\s*"
)
"""Lines of it in base64; the last may be shorter, in whole groups of four. Any other line ends it."""
_KEYWORD = re.compile(
    r"(?:^|[;\s])(?:password|passwd|pwd|secret|\w*access_?key|account_?key)\s*=\s*('[^']+'|[^;\s]+)",
    re.IGNORECASE,
)
_OPTION_MARK = re.compile(r"^(?:-[A-Za-z](?=[A-Za-z])|-+)")
"""`--token`, and `-Jtoken` as Java's programs have it."""
_PERCENT = re.compile(r"%[0-9A-F]{2}")

_COMMON = frozenset(
    {"admin", "administrator", "changeme", "database", "default", "development", "example", "localhost"}
    | {
        "loadtest",
        "password",
        "passw0rd",
        "postgres",
        "production",
        "username",
        "welcome",
        "qwerty",
        "letmein",
    }
)
_NO_SECRETS = frozenset(
    {"PWD", "OLDPWD", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION", "GPG_KEY", "KEYTIMEOUT", "LESSKEY"}
    | {
        "SECURITYSESSIONID",
        "SESSION_MANAGER",
        "SSH_AUTH_SOCK",
        "TERM_SESSION_ID",
        "XDG_SESSION_ID",
        "XDG_SESSION_TYPE",
    }
    | {"XDG_SESSION_CLASS", "XDG_SESSION_DESKTOP", "XDG_SESSION_PATH", "PYTEST_CURRENT_TEST"}
)
"""Variables of systems and shells whose names sound like secrets."""
_NO_VALUES = frozenset({"true", "false", "none", "null", "yes", "no", "on", "off"})


class Redactor:
    """Hides known secret values wherever they appear, then everything that looks like one.

    `is_word`: of which values the text is full by chance; these are hidden where they stand as a value.
    """

    def __init__(self, secrets: Iterable[str] = (), is_word: Callable[[str], bool] | None = None) -> None:
        forms: set[str] = set()
        words: set[str] = set()
        for secret in {part for whole in secrets for part in _parts(whole)}:
            if len(secret) < _SHORTEST_KNOWN:
                continue
            if _is_word(secret):
                words.add(secret)
            elif is_word is not None and is_word(secret):
                words.add(secret)
                forms.update(form for form in _spellings(secret) if secret not in form)
            else:
                forms.update(_spellings(secret))
        self._words = _as_values(words)
        # Longest first: a secret that contains another must not leave its remains behind.
        self._known = sorted(forms, key=lambda form: (-len(form), form))
        self._in_key = ""

    def text(self, text: str) -> str:
        """`text` without known secrets and without what looks like one."""
        return redact_text(self.known(text))

    def known(self, text: str) -> str:
        """`text` without known secrets."""
        # A search for each is far faster than one pattern of them all.
        for form in self._known:
            if form in text:
                text = text.replace(form, HIDDEN)
        return self._words.sub(HIDDEN, text) if self._words else text

    def line(self, text: str) -> str:
        """The same for a log, whose lines come one by one: a private key goes over many of them."""
        before, self._in_key = self._in_key, ""
        if before in ("begun", "key") and _OF_A_KEY.fullmatch(text):
            self._in_key = "key"
        elif before == "begun" and (not text.strip() or _FIELD_OF_A_KEY.fullmatch(text)):
            self._in_key = "begun"
        elif before == "key" and _LAST_OF_A_KEY.fullmatch(text):
            self._in_key = "last"
        elif not (before and text.startswith(_KEY_ENDS)):
            self._in_key = "begun" if _KEY_BEGINS.search(text) else ""
            return self.text(text)
        return HIDDEN if text.strip() else text


def secrets_of(env: Mapping[str, str], urls: Iterable[str | None] = ()) -> tuple[str, ...]:
    """The exact secret values in variables and in URLs' passwords, for a `Redactor`."""
    found = [v for name, v in env.items() if v and (is_secret_name(name) or is_secret_value(v))]
    for text in (*urls, *env.values()):
        found += _inside(text or "")
    return tuple(dict.fromkeys(found))


def secrets_of_environment(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The exact secret values among a process's variables: by name, by a token's shape, in URLs.

    Not by their randomness: a CI system's variables are full of commits and ids.
    """
    found = [
        value
        for name, value in environ.items()
        if name not in _NO_SECRETS
        and not _is_setting(value)
        and (is_secret_name(name) or has_secret_shape(value))
    ]
    return tuple(dict.fromkeys((*found, *secrets_of({}, environ.values()))))


def secrets_of_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """The exact secret values of a command line: `--token x`, `--token=x`, `-Jtoken=x`, `-e TOKEN=x` ..."""
    words = zip(arguments, (*arguments, "")[1:], strict=True)
    found = [value for word, following in words for value in _of_argument(word, following)]
    return tuple(dict.fromkeys((*found, *secrets_of({}, arguments))))


def _of_argument(word: str, following: str) -> Iterator[str]:
    name, equals, value = word.partition("=")
    if is_secret_name(_OPTION_MARK.sub("", name, count=1)):
        if not equals and word.startswith("--") and not following.startswith("-"):
            value = following
        if not _is_setting(value):
            yield value
    elif equals:
        yield from _of_argument(value, "")  # --jmeterproperty=token=x


def _is_setting(value: str) -> bool:
    """Whether it is a path or a switch, whatever it is called."""
    return not value or value.lower() in _NO_VALUES or value.startswith(("/", "~", "./"))


def _inside(text: str) -> Iterator[str]:
    """What is secret inside a longer value: a URL's password, that of a connection string, of JSON."""
    if "://" in text and (password := _password_of(text)):
        yield from (password, unquote(password))
    yield from (match[1].strip("'") for match in _KEYWORD.finditer(text))
    if text.lstrip().startswith("{"):
        try:
            yield from _inside_json(json.loads(text))
        except ValueError:
            return


def _inside_json(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _inside_json(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _inside_json(inner, name)
    elif isinstance(value, str) and is_secret_name(name) and not _is_setting(value):
        yield value


def _password_of(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # not a URL after all, such as an unclosed bracket
        return None


def _parts(secret: str) -> Iterator[str]:
    """It, and each line of it that says something."""
    yield secret
    lines = [line.strip() for line in secret.strip().splitlines()]
    if len(lines) > 1:
        yield from (one for one in lines if len(one) >= _SHORTEST_LINE and not one.startswith("-----"))


def _is_word(secret: str) -> bool:
    """Whether text is full of it by chance: `admin`, `GET`, `12345`."""
    short = len(secret) < 8 and (secret.isalpha() or secret.isdigit())
    return short or len(secret) < 6 or secret.lower() in _COMMON


def _as_values(words: set[str]) -> re.Pattern[str] | None:
    """These words where they stand as a value: `password=admin`, `user: admin`, `'admin'`, `//me:admin@`."""
    if not words:
        return None
    word = "|".join(re.escape(form) for form in sorted(words, key=lambda form: (-len(form), form)))
    before = (
        r"""(?:(?<==)|(?<==["'])|(?<=:[ \t])|(?<=:[ \t]["'])|(?<=:["'])|(?<=[ \t(,\[]["'])"""
        r"""|(?<=password[ \t]))"""
    )
    after = r"""(?![A-Za-z0-9/_.-])"""
    userinfo = r"(?<=:)"
    return re.compile(rf"{before}(?:{word}){after}|{userinfo}(?:{word})(?=@)")


def _spellings(secret: str) -> set[str]:
    """How one value may appear in logs."""
    as_json = json.dumps(secret)[1:-1]
    # Go's encoder, which k6 has, escapes three more.
    as_go = as_json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    as_html = html.escape(secret, quote=False)
    in_html = as_html.replace("'", "&#39;").replace('"', "&#34;")
    forms = {secret, as_json, as_go, json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    forms |= {as_html, html.escape(secret), in_html, *_in_base64(secret)}
    if secret.isprintable():
        encoded = {quote(secret, safe=kept) for kept in ("", "/", "!'()*", "/:@!$&'()*+,;=")}
        encoded |= {quote_plus(secret), quote_plus(secret, safe="*").replace("~", "%7E")}
        encoded |= {_PERCENT.sub(lambda match: match[0].lower(), form) for form in encoded}
        forms |= encoded | {quote(form, safe="") for form in encoded}
    return forms


def _in_base64(secret: str) -> Iterator[str]:
    """Whole, and what of it does not depend on what stands before and behind it, wherever it begins."""
    data = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode()
        certain = text[-(-before * 4 // 3) : (before + len(data)) * 4 // 3]
        yield from {certain, certain.replace("+", "-").replace("/", "_")}
    yield base64.b64encode(data).decode()
