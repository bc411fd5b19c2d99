"""Secrets never reach the run file or the screen: everything that is kept or shown goes through here.

Two nets, one behind the other: the exact values that are known to be secret (`known.Redactor`), and the
shapes that secrets have (`redact_text`). What is hidden is written as `***`, whatever its length was.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from loadproof.safety.entropy import entropy_bits

HIDDEN = "***"

# Words in a name that make its value a secret, wherever they stand in it: DB_PASSWORD, mySecretThing.
_SECRET_PARTS = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|apikey|private[_-]?key|access[_-]?key"
    r"|authorization|cookie",
    re.IGNORECASE,
)
# Words that do so only as a whole word: KEY but not KEYBOARD, AUTH but not AUTHOR.
_SECRET_WORDS = frozenset(
    {"key", "keys", "auth", "dsn", "pass", "pwd", "pw", "jwt", "pat", "otp", "session", "sessionid", "sig"}
    | {"signature", "sid", "csrf", "xsrf", "bearer", "salt"}
)
_QUERY_WORDS = _SECRET_WORDS | {"code"}
"""`code` is OAuth's in a URL, and an exit code or a country anywhere else."""

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

# Shapes that are secrets by themselves: makers' prefixes, and JWTs (base64 of '{"').
_SHAPES = re.compile(
    r"""
      (?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{6,4000}+\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*
    | (?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{24,4000}+
    | \b(?:AKIA|ASIA|AGPA|AROA)[0-9A-Z]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{16,}
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bgl(?:pat|ptt|rt|dt|soat|cbt|imt|agent)-[A-Za-z0-9_-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}
    | \bxapp-[0-9]-[A-Za-z0-9-]{10,}
    | \b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}
    | \bwhsec_[A-Za-z0-9+/]{16,}
    | \bhvs\.[A-Za-z0-9_-]{20,}
    | \bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}
    | \bdop_v1_[a-f0-9]{40,}
    | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
    | \bya29\.[A-Za-z0-9_-]{20,}
    | \bsk-[A-Za-z0-9_-]{20,}
    | \bAIza[0-9A-Za-z_-]{30,}
    | \bnpm_[A-Za-z0-9]{30,}
    | \bpypi-[A-Za-z0-9_-]{40,}
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_HEADER_NAMES = (
    r"(?:proxy-)?authorization|set-cookie2?|cookie|x-api-key|api-key|apikey|x-auth-token|x-access-token"
    r"|x-csrf-token|x-xsrf-token|x-amz-security-token|x-vault-token|private-token"
)
# "Authorization: Bearer x" to the end of the line, or to the closing quote when the value is quoted as in
# a printed dictionary, JSON, or a shell's -H "Name: value".
_HEADER_QUOTED = re.compile(
    rf"""(?<![\w-])(["']?(?:{_HEADER_NAMES})["']\s*[:=,]\s*b?)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""",
    re.IGNORECASE,
)
_HEADER_IN_QUOTES = re.compile(
    rf"""(["'])((?:{_HEADER_NAMES})\s*:[ \t]*)((?:(?!\1)[^\n])+)(?=\1)""", re.IGNORECASE
)
_HEADER_LINE = re.compile(rf"(?<![\w\"'-])((?:{_HEADER_NAMES})[ \t]*:[ \t]*)([^\r\n]+)", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer)([ \t]+)([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)
_BASIC = re.compile(r"\b(basic[ \t]+)([A-Za-z0-9+/_-]{4,}={0,2})", re.IGNORECASE)
_BEARER_PROSE = frozenset(
    {"auth", "authentication", "authorization", "bond", "bonds", "credential", "credentials", "format"}
    | {"header", "headers", "is", "of", "or", "required", "scheme", "schemes", "security", "token", "tokens"}
)
# user:password@ in any URL or DSN. The password may hold '@' (up to the last one before the path).
_USERINFO = re.compile(
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#@:\[\]\"'<>]*):([^\s/?#\"'<>]*)@"
)
# The same with a '/', '?' or '#' that should have been encoded; a port there is no password. Its length is
# bounded: without an '@' the rest of a long text would be searched from every "://".
_USERINFO_RAW = re.compile(
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#@:\[\]\"'<>]*):(?![0-9]*[/?#]|\*{3}@)([^\s\"'<>]{0,300})@"
)
_PARAMETER = re.compile(r"([?&;#])([^=&;#?\s\"'<>]{1,80})=([^&;#\s\"'<>]*)")
# The end of a name that is secret in any text. What stands before it in the name is not matched on purpose:
# a pattern for it would be tried from every letter of a long word.
_STRONG = (
    r"(?:password|passwd|passphrase|secret|token|api[_-]?key|credentials?|private[_-]?key|ac(?:cess|count)[_-]?key"
    r"|(?<![A-Za-z0-9])(?:pwd|pgpass))"
)
_ASSIGNED = re.compile(
    rf"""({_STRONG}=)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s&;,"'<>)\]}}]+)""", re.IGNORECASE
)
_QUOTED_PAIR = re.compile(
    rf"""((?:{_STRONG}|(?<=["'])(?:pass|auth|jwt))(["'])\s*[:=]\s*)"""
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[0-9]+)""",
    re.IGNORECASE,
)
_YAML_PAIR = re.compile(rf"({_STRONG}:[ \t]+)([^\s\"'|>&*{{\[][^\s]*)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_YAML_KEY = re.compile(r"[ \t-]*[A-Za-z0-9_.-]*")
_OPTION = re.compile(rf"({_STRONG}[ \t]+)(?!-)(\S+)", re.IGNORECASE)

_TOKEN_LIKE = re.compile(r"[A-Za-z0-9+/=_.-]{24,}")
_HOST_LIKE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+){2,}")
# 24 random hexadecimal digits carry about 3.4 bits a character, base64 more; words and paths repeat letters.
_ENTROPY_BITS = 3.2
_RUN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,200}(?![A-Za-z0-9_-])")
_SAID = re.compile(
    r"\b((?:token|secret|password|passphrase|api[ _-]?key)(?:[ \t]+(?:is|was))?[ \t]+)"
    r"([A-Za-z0-9_./+=-]{6,200})\b",
    re.IGNORECASE,
)
# db_password: x1 in a longer line, where "the password: must be long" is a sentence.
_COMPOUND = re.compile(rf"((?<=[A-Za-z0-9][_-]){_STRONG}:[ \t]+)(?=[^\s0-9]{{0,200}}[0-9])\S+", re.IGNORECASE)
# password: x1y2 in one, where "password: 8 characters" and "first token: 182ms" are none.
_COLON = re.compile(
    rf"({_STRONG}[\"']?:[ \t]+)(?![0-9.,]*[a-zA-Z%/]*(?:[\s,;]|\Z))"
    r"""(?=[^\s0-9]{0,200}[0-9])[^\s,;"']{5,}""",
    re.IGNORECASE,
)
_SQL = re.compile(rf"({_STRONG}[ \t]+)'(?:[^'\n]|'')+'", re.IGNORECASE)
# A line of a private key, a long key in base64.
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/]{40,}+={0,2}(?![A-Za-z0-9+/_.-])")
_DENSE_BITS = 4.6
"""Forty random characters of base64 have 4.9; long paths of words in both cases stay below 4.5."""
_LEAST_DIGIT_RUNS = 3
_LEAST_SEGMENT = 16
_LEAST_TOKEN = 10


def is_secret_name(name: str) -> bool:
    """Whether a variable, key or option of this name holds a secret: API_KEY, db-password, authToken."""
    return bool(_SECRET_PARTS.search(name)) or not _SECRET_WORDS.isdisjoint(_words(name))


def is_secret_value(value: str) -> bool:
    """Whether a value looks like a secret by itself: a known token's shape, or long and random."""
    text = value.strip()
    if _SHAPES.search(text):
        return True
    if not _TOKEN_LIKE.fullmatch(text) or _HOST_LIKE.fullmatch(text):
        return False
    if text.startswith(("/", "./", "../")) or (text.count("/") > 1 and "." in text):
        return False  # a path
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return mixed and entropy_bits(text) >= _ENTROPY_BITS


def has_secret_shape(value: str) -> bool:
    """Whether a known token stands in it."""
    return bool(_SHAPES.search(value))


def redact_text(text: str) -> str:
    """`text` without the secrets that its shape gives away; ordinary text comes back as it is. Idempotent."""
    text = _SHAPES.sub(HIDDEN, text)
    text = _HEADER_IN_QUOTES.sub(rf"\1\2{HIDDEN}", text)
    text = _HEADER_QUOTED.sub(lambda m: m[1] + _keep_quotes(m[2]), text)
    text = _HEADER_LINE.sub(rf"\1{HIDDEN}", text)
    text = _BEARER.sub(_hide_bearer, text)
    text = _BASIC.sub(lambda m: m[1] + HIDDEN if _is_basic(m[2]) else m[0], text)
    text = _USERINFO.sub(rf"\1\2:{HIDDEN}@", text)
    text = _USERINFO_RAW.sub(rf"\1\2:{HIDDEN}@", text)
    text = _BASE64.sub(lambda m: HIDDEN if _is_dense(m[0]) else m[0], text)
    text = _RUN.sub(lambda m: HIDDEN if _is_random(m[0]) else m[0], text)
    text = _SAID.sub(_hide_said, text)
    if " '" in text:
        text = _SQL.sub(rf"\1'{HIDDEN}'", text)
    text = _COMPOUND.sub(rf"\1{HIDDEN}", text)
    text = _COLON.sub(rf"\1{HIDDEN}", text)
    text = _PARAMETER.sub(_hide_parameter, text)
    text = _QUOTED_PAIR.sub(lambda m: m[1] + _keep_quotes(m[3]), text)
    text = _ASSIGNED.sub(lambda m: m[1] + _keep_quotes(m[2]), text)
    text = _YAML_PAIR.sub(_hide_yaml_value, text)
    return _OPTION.sub(_hide_option_value, text)


def redact_url(url: str) -> str:
    """A URL to show or keep: no password, no lone token as user, no secret in query or fragment."""
    shown = redact_text(url)
    # Without a scheme: user:password@host:8000/path, as people type it.
    shown = re.sub(r"^([^\s/?#@:]+):([^\s/?#]*)@", rf"\1:{HIDDEN}@", shown)
    lone = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#@:]+)@", shown)
    if lone is not None and lone[2] != HIDDEN and is_secret_value(unquote(lone[2])):
        shown = f"{lone[1]}{HIDDEN}@{shown[lone.end() :]}"
    return shown


def redact_env(env: Mapping[str, str]) -> dict[str, str]:
    """Variables to show or keep: secret by name or by value are hidden, others cleaned as text."""
    return {name: redact_value(name, value) for name, value in env.items()}


def redact_value(name: str, value: str) -> str:
    """One named value, as in `redact_env`; an empty one hides nothing and stays empty."""
    if not value:
        return value
    if is_secret_name(name) or is_secret_value(value):
        return HIDDEN
    return redact_url(value)


def redact_args(args: Sequence[str]) -> tuple[str, ...]:
    """Arguments to show or keep: `--token x`, `--token=x`, `-e KEY=x`, URLs with a password."""
    shown: list[str] = []
    hide_next = False
    for arg in args:
        if hide_next and not arg.startswith("--"):
            shown.append(HIDDEN)
            hide_next = False
            continue
        name, equals, value = arg.partition("=")
        flag = name.lstrip("-")
        hide_next = not equals and arg.startswith("--") and is_secret_name(flag)
        if equals and flag and "://" not in name and " " not in name:
            shown.append(f"{name}={redact_value(flag, value)}")
        else:
            shown.append(redact_url(arg))
    return tuple(shown)


def _is_random(text: str) -> bool:
    """Whether digits, small and capital letters are mixed as no word and no name is."""
    segment = max(re.split(r"[_-]", text), key=len)
    mixed = any(c.islower() for c in segment) and any(c.isupper() for c in segment)
    runs = len(re.findall(r"[0-9]+", segment))
    return (
        mixed
        and len(segment) >= _LEAST_SEGMENT
        and runs >= _LEAST_DIGIT_RUNS
        and entropy_bits(segment) >= _ENTROPY_BITS
    )


def _is_dense(text: str) -> bool:
    mixed = any(c.islower() for c in text) and any(c.isupper() for c in text)
    return (
        mixed and len(re.findall(r"[0-9]+", text)) >= _LEAST_DIGIT_RUNS and entropy_bits(text) >= _DENSE_BITS
    )


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)} | {
        part.lower() for part in re.split(r"[^A-Za-z0-9]+", name)
    }


def _hide_parameter(match: re.Match[str]) -> str:
    name = unquote(match[2])
    secret = bool(_SECRET_PARTS.search(name)) or not _QUERY_WORDS.isdisjoint(_words(name))
    if not match[3] or not secret:
        return match[0]
    return f"{match[1]}{match[2]}={HIDDEN}"


def _hide_yaml_value(match: re.Match[str]) -> str:
    """A line that is a key and one word; in a longer line "the token: abc" is a sentence."""
    line_start = match.string.rfind("\n", 0, match.start()) + 1
    key = _YAML_KEY.fullmatch(match.string, line_start, match.start())
    return match[0] if key is None else match[1] + HIDDEN


def _hide_option_value(match: re.Match[str]) -> str:
    """`--db-password x`: the word that the name ends begins with two dashes."""
    before = match.string[max(0, match.start() - 80) : match.start()]
    word = re.split(r"\s", before)[-1]
    return match[1] + HIDDEN if word.startswith("--") else match[0]


def _hide_said(match: re.Match[str]) -> str:
    """`password x1`, `token ab12cd34`: a word with digits; a token is called so more loosely."""
    runs = len(re.findall(r"[0-9]+", match[2]))
    loose = match[1][:3].lower() in {"tok", "api"}
    return match[1] + HIDDEN if runs > loose and (not loose or len(match[2]) >= _LEAST_TOKEN) else match[0]


def _hide_bearer(match: re.Match[str]) -> str:
    token = match[3]
    if token.rstrip(".").lower() in _BEARER_PROSE:
        return match[0]
    # In lower case it may be the English word: there a token shows by not being a plain word.
    if match[1] == "bearer" and token.rstrip(".,").isalpha() and len(token) < 16:
        return match[0]
    return match[1] + match[2] + HIDDEN


def _is_basic(token: str) -> bool:
    """Whether this is base64 of "user:password", and not the word after "basic"."""
    try:
        plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=None, validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain


def _keep_quotes(value: str) -> str:
    mark = value[0] if value[:1] in {'"', "'"} else ""
    return value if value in {'""', "''"} else f"{mark}{HIDDEN}{mark}"
