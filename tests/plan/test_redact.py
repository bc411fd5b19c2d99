"""Secrets never reach the run file or the screen, and ordinary text stays as it is."""

from __future__ import annotations

import base64
import html
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadproof.safety.known import _COMMON, Redactor, secrets_of, secrets_of_arguments, secrets_of_environment
from loadproof.safety.redact import (
    HIDDEN,
    is_secret_name,
    is_secret_value,
    redact_args,
    redact_env,
    redact_text,
    redact_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"

HIDES = [
    ("Authorization: Bearer test-token", "Authorization: ***", "a header line"),
    ("authorization:abc def\r\nHost: a", "authorization:***\r\nHost: a", "only that header's line"),
    (
        "{'Authorization': 'Bearer abc', 'Accept': 'x'}",
        "{'Authorization': '***', 'Accept': 'x'}",
        "a printed dict",
    ),
    ('{"X-Api-Key":"k1"}', '{"X-Api-Key":"***"}', "JSON"),
    ("(b'Cookie', b'a=b')", "(b'Cookie', b'***')", "a raw header"),
    ("curl -H 'Cookie: a=b; c=d' http://x", "curl -H 'Cookie: ***' http://x", "a shell's header"),
    ("Set-Cookie: sid=1; Path=/", "Set-Cookie: ***", "a cookie that is set"),
    ("sent Bearer hunter2x to it", "sent Bearer *** to it", "a token in free text"),
    ("Bearer abcdef", "Bearer ***", "a token of letters alone"),
    ("Basic dXNlcjpwYXNz", "Basic ***", "base64 of user:pass"),
    (f"token {JWT} is old", "token *** is old", "a JWT"),
    ("key AKIAIOSFODNN7EXAMPLE.", "key ***.", "an AWS key id"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***", "a GitHub token"),
    ("postgres://u:p@h/db", "postgres://u:***@h/db", "a DSN"),
    ("postgres://u:p@ss@h/db", "postgres://u:***@h/db", "a password with an @"),
    ("postgres://u:pa/ss@h/db", "postgres://u:***@h/db", "a password with a /"),
    ("postgres://u:pa/s@s@h/db", "postgres://u:***@h/db", "a password with both"),
    ("pg://u:p@h/d?mail=a@b", "pg://u:***@h/d?mail=a@b", "an @ behind the host is no password's"),
    ("redis://:pw@h:6379/0", "redis://:***@h:6379/0", "no user"),
    ("host=x password=hunter dbname=y", "host=x password=*** dbname=y", "libpq's form"),
    ("GET /a?token=abc&x=1", "GET /a?token=***&x=1", "a query"),
    ("/a?x=1&api%5Fkey=abc", "/a?x=1&api%5Fkey=***", "an encoded name"),
    ("/cb?code=xyz&state=1#access_token=q", "/cb?code=***&state=1#access_token=***", "OAuth"),
    ("https://h/p?X-Amz-Signature=abc&n=1", "https://h/p?X-Amz-Signature=***&n=1", "a signed URL"),
    ('{"password": "x y", "email": "a"}', '{"password": "***", "email": "a"}', "a JSON body"),
    ("db_password: hunter2", "db_password: ***", "a YAML line"),
    ("k6 run --password hunter2 --vus 5", "k6 run --password *** --vus 5", "an option"),
    ("GET /reset/aB3dE5fG7hJ9kL2mN4pQ6 of", "GET /reset/*** of", "a random token in a path"),
    ("invite 4Fq9zK-1bX7cV2nM8aQ5wE3rT6 expired", "invite *** expired", "a random token in a sentence"),
    ("wrong token ab12cd34ef56 given", "wrong token *** given", "what is called a token"),
    ("glrt-abcdefghijklmnop1234 xapp-1-A0B1C2D3E4", "*** ***", "makers' prefixes"),
    ("login with password: hunter22 failed", "login with password: *** failed", "said in a sentence"),
    ("ALTER USER a PASSWORD 'hunter two'", "ALTER USER a PASSWORD '***'", "SQL"),
    (
        "DefaultEndpointsProtocol=https;AccountKey=abc12/3==;x",
        "DefaultEndpointsProtocol=https;AccountKey=***;x",
        "a connection string",
    ),
    ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "***", "a line of a private key"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n", "***\n", "a key"),
]

KEEPS = [
    ("the bearer of news", "English"),
    ("Bearer token required", "a server's message"),
    ("basic authentication needed", "no base64 of user:pass"),
    ("the password: must be long", "a sentence"),
    ("http://localhost:8000/x?email=a@b.c", "a port is no password"),
    ("http://[::1]:8000/@x", "an IPv6 address"),
    ("GET /api/loans?status=pending&page=2", "an ordinary query"),
    ("p95=200ms code=201 key=3 users=50", "measurements"),
    ("max_tokens=5", "a number of tokens"),
    ("ConnectionRefusedError: [Errno 111] Connection refused", "an error"),
    ("HTTPError('404 Client Error: Not Found for url: /api/users/17')", "an error"),
    ("ssh://git@github.com/a/b", "a user without a password"),
    ("p(95)<500 rate<0.01", "thresholds"),
    ("image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "a digest"),
    ("pod loan-service-7d9f8b6c5d-x2x4q", "a name of Kubernetes"),
    ("at Http2UpgradeHandlerFactoryImpl2025 in X11-Linux-x86_64", "names with digits"),
    ("20261128-210011-locustfile.db 2026-11-28T20-49-33Z", "times"),
    ("time to first token: 182ms, password: 8 characters", "figures"),
    ("at com/example/Foo2Bar/Service3Impl/Handler4Factory/HttpServer2Codec", "a long path"),
    ("0196f3c2-8a5e-7c1e-9d55-1b2c3d4e5f60", "a trace id"),
]


@pytest.mark.parametrize(("text", "expected", "reason"), HIDES)
def test_secrets_in_text_are_hidden(text: str, expected: str, reason: str) -> None:
    """What its place or shape gives away as a secret becomes ***, and nothing around it changes."""
    assert redact_text(text) == expected, reason


@pytest.mark.parametrize(("text", "reason"), KEEPS)
def test_ordinary_text_is_not_altered(text: str, reason: str) -> None:
    """Text without a secret comes back as it was."""
    assert redact_text(text) == text, reason
    assert redact_url(text) == text, reason


_PIECES = st.sampled_from([
    "Authorization", "Cookie", ":", "=", " ", "'", '"', "Bearer ", "Basic ", "http://", "u", ":", "@", "/",
    "?", "&", "token", "password", "***", "\n", "\\", "--", "{", "}", "[", "x1", JWT, "dXNlcjpwYXNz", "#",
    ";", ",", "b'",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=14).map("".join)))
@example("Authorization: ***")
@example("a://b:c@d:e@f")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """Redaction is idempotent for text and URLs."""
    once = redact_text(text)
    assert redact_text(once) == once
    shown = redact_url(text)
    assert redact_url(shown) == shown


@given(st.text(st.characters(categories=["Ll", "Nd", "Zs"]), max_size=200))
def test_text_without_punctuation_is_not_altered(text: str) -> None:
    """Words and numbers alone hold nothing to hide, the word after "bearer" apart."""
    if "bearer" not in text and "basic" not in text and "eyj" not in text:
        assert redact_text(text) == text


_SECRET = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'<>\\"), min_size=8
)


@given(_SECRET)
@example("a/b?c#d@e12")
def test_a_password_in_a_url_never_survives(secret: str) -> None:
    """Encoded as URLs ask for, no password is readable in what is shown."""
    assert (
        redact_url(f"https://user:{quote(secret, safe='')}@host/path") == f"https://user:{HIDDEN}@host/path"
    )


# Hypothesis tries the words of our own source, too; what is done with common ones is told further below.
@given(_SECRET.filter(lambda secret: secret.lower() not in _COMMON), st.text(), st.text())
def test_known_secrets_are_hidden_wherever_they_stand(secret: str, before: str, after: str) -> None:
    """An exact secret value is gone from any text: plain, URL-encoded, in base64."""
    redactor = Redactor([secret])
    forms = (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
    for form in forms:
        if form not in before and form not in after:
            assert form not in redactor.text(f"{before}\n{form}\n{after}").replace(HIDDEN, "")


def as_base64(before: str, behind: str) -> Callable[[str], str]:
    """A spelling: inside a longer text that is written in URLs' base64."""
    return lambda secret: base64.urlsafe_b64encode(f"{before}{secret}{behind}".encode()).decode()


SPELT: list[tuple[str, Callable[[str], str], str]] = [
    ("p&ss<\"w>rd'1/2", html.escape, "HTML"),
    ("p&ss'w>rd1", lambda secret: html.escape(secret).replace("&#x27;", "&#39;"), "HTML of Go"),
    ("p&ss<w-1", lambda secret: secret.replace("&", "\\u0026").replace("<", "\\u003c"), "JSON of Go"),
    ("pässwört-1", json.dumps, "JSON in ASCII"),
    ("a\\b'c\"d-1", repr, "Python"),
    ("p/ss+w rd%1", lambda secret: quote(secret, safe="").lower(), "a URL in small letters"),
    ("p/ss+w rd%1", lambda secret: quote(quote(secret, safe=""), safe=""), "a URL inside a URL"),
    ("hunter22-x", as_base64("me:", ""), "behind a name"),
    ("hunter22-x", as_base64("a:", ":b"), "in the middle"),
    ("hunter22-?>", as_base64("", "??"), "at the beginning"),
]


@pytest.mark.parametrize(("secret", "spelt", "reason"), SPELT)
def test_a_known_secret_is_found_in_every_spelling(
    secret: str, spelt: Callable[[str], str], reason: str
) -> None:
    """What is left of one in base64 is at most a character of it at each side."""
    shown = Redactor([secret]).text(f"got {spelt(secret)} back")
    assert HIDDEN in shown, reason
    assert len(shown) <= len("got *** back") + 10


KEY = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSj\nshortt==\n"
    "-----END PRIVATE KEY-----"
)


def test_a_key_of_several_lines_is_hidden_in_each() -> None:
    """One that is known; one that nobody knew, which a log prints line by line."""
    known = Redactor([KEY.replace("shortt==", "less-than-random")])
    assert known.text("it has less-than-random in it") == "it has *** in it"
    log = Redactor()
    assert [log.line(line) for line in (*KEY.splitlines(), "done")] == [*[HIDDEN] * 5, "done"]
    first, *rest = KEY.splitlines()
    fields = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,00AA", ""]
    hidden = [log.line(line) for line in (f"1 INFO {first}", *fields, *rest[:-1], "done", "next")]
    assert hidden == [f"1 INFO {HIDDEN}", HIDDEN, HIDDEN, "", *[HIDDEN] * 3, "done", "next"]


@pytest.mark.parametrize(
    "begin", ["no -----BEGIN PRIVATE KEY----- in it", "wanted: -----BEGIN RSA PRIVATE KEY-----"]
)
def test_a_line_about_a_key_hides_no_other(begin: str) -> None:
    """The cause of a failed run may stand below it: a key is hidden as long as its lines are a key's."""
    lines = ["Traceback", "ERROR", "", "started", "reason: refused", "done"]
    log = Redactor()
    log.line(begin)
    assert [log.line(line) for line in lines] == lines


def test_secrets_inside_longer_values_are_known() -> None:
    """Of a connection string, and of JSON as cloud accounts have it."""
    account = json.dumps(
        {"type": "service", "private_key": "KEY-with-it-1", "scopes": [{"token": "t0ken-in"}]}
    )
    found = secrets_of_environment({"ACCOUNT": account, "BUS": "Endpoint=sb://x/;SharedAccessKey=abc12=;b=c"})
    assert found == ("KEY-with-it-1", "t0ken-in", "abc12=")


def test_secrets_among_arguments_are_known() -> None:
    """In the forms of Locust, JMeter and k6; a path and a switch are none."""
    words = ["--shop-token", "abc", "-Jdb.password=x1y2", "-e", "API_KEY=k", "--tls-key", "/a/b", "-u", "5"]
    words += ["--jmeterproperty=db-password=q9", "--token-mode=on", "--host", "http://u:pw9@h"]
    assert secrets_of_arguments(words) == ("abc", "x1y2", "k", "q9", "pw9")


HOSTILE = [
    "-", "eyJ", "eyJabcdefg.", "'cookie:", "'cookie':'", "a://b:", "a://b:c@", "?a", "password", "password=",
    " -", "-\n", "bearer ", "-----BEGIN PRIVATE KEY-----", "aB1/", "token: 1", "secret '", '"password":"\\',
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece: str) -> None:
    """A server may answer anything: the work grows with the length, not with its square."""
    text = (piece * 100_000)[:100_000]
    began_s = time.process_time()
    redact_text(text)
    redact_url(text)
    assert time.process_time() - began_s < 10


def test_short_known_values_do_not_destroy_the_text() -> None:
    """A secret of one character is not searched for: it would hide the measurements."""
    assert Redactor(["1", ""]).text("p95 is 111ms") == "p95 is 111ms"


ENV = [
    ("API_KEY", "x", HIDDEN, "name"),
    ("dbPassword", "x", HIDDEN, "name in camel case"),
    ("SENTRY_DSN", "https://a@b/1", HIDDEN, "name"),
    ("MY_AUTH", "x", HIDDEN, "name"),
    ("GH", "ghp_abcdefghijklmnopqrstuvwxyz", HIDDEN, "value of a known shape"),
    ("V", JWT, HIDDEN, "JWT value"),
    ("RANDOM", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", HIDDEN, "long and random"),
    ("DATABASE_URL", "postgres://u:p@h/d", "postgres://u:***@h/d", "only the password of a URL"),
    ("KEYBOARD", "us", "us", "KEY is not a word of it"),
    ("AUTHOR", "me", "me", "AUTH is not a word of it"),
    ("USERS", "50", "50", "ordinary"),
    ("BASE_URL", "http://localhost:8000", "http://localhost:8000", "ordinary"),
    ("HOST", "ec2-12-34-56-78.compute-1.amazonaws.com", "ec2-12-34-56-78.compute-1.amazonaws.com", "a host"),
    ("DATA", "/srv/load/data/users-2025-01.v2.csv", "/srv/load/data/users-2025-01.v2.csv", "a path"),
    ("TOKEN", "", "", "an empty value hides nothing"),
]


@pytest.mark.parametrize(("name", "value", "expected", "reason"), ENV)
def test_variables_are_hidden_by_name_and_by_value(name: str, value: str, expected: str, reason: str) -> None:
    """A variable is secret when its name says so or its value looks like one."""
    assert redact_env({name: value}) == {name: expected}, reason


def test_arguments_are_hidden_in_both_of_their_forms() -> None:
    """--name value, --name=value, -e NAME=value and URLs."""
    given_args = (
        "--token",
        "abc",
        "--password=x",
        "-e",
        "API_KEY=1",
        "-e",
        "N=5",
        "--host",
        "http://u:p@h",
        "-u",
        "5",
    )
    expected = ("--token", HIDDEN, f"--password={HIDDEN}", "-e", f"API_KEY={HIDDEN}", "-e", "N=5",
                "--host", "http://u:***@h", "-u", "5")  # fmt: skip
    assert redact_args(given_args) == expected


def test_a_url_typed_without_a_scheme_is_redacted() -> None:
    """What people type before they learn that the scheme is needed holds passwords as well."""
    assert redact_url("user:pw@host:80/x") == "user:***@host:80/x"
    assert redact_url("https://ghp_aaaaaaaaaaaaaaaaaaaaaa@github.com/x") == "https://***@github.com/x"


def test_the_exact_secrets_of_a_plan_are_found() -> None:
    """Secret variables, and passwords inside URLs, encoded and decoded."""
    found = secrets_of({"TOKEN": "t0k3n", "N": "5", "DB": "pg://u:p%40ss@h"}, ["http://u:web@h", None])
    assert found == ("t0k3n", "web", "p%40ss", "p@ss")


def test_names_and_values_are_told_apart() -> None:
    """The two questions behind `redact_env` answer on their own."""
    assert is_secret_name("X-Api-Key")
    assert not is_secret_name("monkey")
    assert is_secret_value("AKIAIOSFODNN7EXAMPLE")
    assert not is_secret_value("browse")


WORDS = [
    ("GET", "GET /admin", "GET /admin"),
    ("admin", "GET /admin is FAIL: p95 of admin pages", "GET /admin is FAIL: p95 of admin pages"),
    ("admin", "login failed: password=admin, user=admin2", "login failed: password=***, user=admin2"),
    ("admin", "{'user': 'admin', 'id': 5}", "{'user': '***', 'id': 5}"),
    ("admin", 'name: admin\n"x":"admin"', 'name: ***\n"x":"***"'),
    ("admin", "amqp://me:admin@host/admin", "amqp://me:***@host/admin"),
    ("12345", "12345 requests, pin=12345, http://h:12345/", "12345 requests, pin=***, http://h:12345/"),
    ("hunter2", "cannot log in with hunter2", "cannot log in with ***"),
]


@pytest.mark.parametrize(("secret", "text", "expected"), WORDS)
def test_a_word_is_hidden_where_it_is_a_value(secret: str, text: str, expected: str) -> None:
    """A password that is a word or a small number must not eat the names and figures of a report."""
    assert Redactor([secret]).text(text) == expected


def test_secrets_of_the_environment_are_known() -> None:
    """By name, by shape and in URLs; a shell's own variables, paths and random ids are none."""
    environ = {
        "SHOP_PASSWORD": "tr0ub4dor", "CI": "true", "GH": "ghp_abcdefghijklmnopqrstuvwxyz012345",
        "DATABASE_URL": "postgres://u:p4ssw0rd@h/d", "PWD": "/home/me/shop", "XDG_SESSION_ID": "c2345",
        "SSH_KEY": "/home/me/.ssh/id", "SHA": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "USE_TOKEN": "true",
    }  # fmt: skip
    found = secrets_of_environment(environ)
    assert found == ("tr0ub4dor", "ghp_abcdefghijklmnopqrstuvwxyz012345", "p4ssw0rd")
