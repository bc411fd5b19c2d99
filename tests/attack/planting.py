"""Secrets planted in everything that goes into a run, and looked for in everything that comes out of it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.request
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil

from tests.attack.table import Row
from tests.demo.concurrency import wait_until
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {
    "SHOP_PASSWORD": "Envir0n-pass-a1", "SHOP_API_KEY": "kEnv-a2-77x", "PAYMENT_TOKEN": "tok env a3 9",
    "MONITOR_DSN": "postgres://watch:dsn-a4-p4ss@127.0.0.1:1/shop", "CLIENT_SECRET": "cs-a5-%41&=/",
    "MY_GH": "ghp_a6abcdefghijklmnopqrstuvwxyz0123",
}  # fmt: skip
OPTIONS = {
    "USER_PASSWORD": "Opt-pass-b1", "ADMIN_TOKEN": "opt-b2-tok-5", "SESSION": "sess-b3-99",
    "BASIC_AUTH": "u:b4-basic-pw",
    "QUEUE_URL": "amqp://mq:amqp-b5-pw@127.0.0.1:1/", "SIGNING_KEY": "sig-b6-Kx71",
}  # fmt: skip
SHAPES = {
    "github": "ghp_c1abcdefghijklmnopqrstuvwxyz0123", "gitlab": "glpat-c2abcdefghij1234567",
    "openai": "sk-c3abcdefghijklmnopqrstuv", "aws": "AKIAC4ABCDEFGHIJ2345", "slack": "xoxb-c5-1234567890-abc",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNiJ9.c6sigsigsig",
    "google": "AIzac7abcdefghijklmnopqrstuvwxyz0123456",
    "npm": "npm_c8abcdefghijklmnopqrstuvwxyz012345", "stripe": "sk_live_c9abcdefghij0123",
    "random": "qX7vB2nM9kL4pR8sT1wZ", "vault": "hvs.c11abcdefghijklmnopqrst",
}  # fmt: skip
TEXTS = {
    "target": "tgt-d1-pass", "query": "query-d2-tok", "name": "name-d3-pw", "bearer": "bearer-d4-x1y2z3",
    "cookie": "cookie-d5-val", "header": "hdr-d6-val", "json": "json-d7-pw", "yaml": "yaml-d8-pw",
    "data": "data-d9-pw", "exception": "exc-d10-pw", "argument": "arg-d11-tok", "dsn": "mon-d12-pw",
    "form": "form-d13-pw",
}  # fmt: skip
LOCUSTFILE = f"""
import base64, json, os
from locust import HttpUser, constant, events, task

ROW = open("users.csv").read().split(",")

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--shop-token", default="")

for name in {sorted([*ENVIRONMENT, *OPTIONS])!r}:
    print(name, "is", os.environ[name])
print("basic", base64.b64encode(os.environ["BASIC_AUTH"].encode()).decode())

class Shopper(HttpUser):
    wait_time = constant(0.05)

    @task
    def visit(self):
        self.client.get("/loans?access_token={TEXTS["query"]}")
        self.client.get("/loans", name="http://me:{TEXTS["name"]}@host/loans")
        said = [
            "Authorization: Bearer {TEXTS["bearer"]}", "Set-Cookie: sid={TEXTS["cookie"]}; Path=/",
            "X-Api-Key: {TEXTS["header"]}", json.dumps({{"password": "{TEXTS["json"]}", "id": 5}}),
            "db_password: {TEXTS["yaml"]}", "password=" + ROW[1], "login?password={TEXTS["form"]}&x=1",
            *({sorted(SHAPES.values())!r}), *(os.environ[n] for n in {sorted([*ENVIRONMENT, *OPTIONS])!r}),
        ]
        for number, text in enumerate(said):
            print("the service said", text)
            with self.client.get("/loans", name=f"call {{number}} {{text}}", catch_response=True) as response:
                response.failure(f"refused: {{text}}")
        print("--shop-token", self.environment.parsed_options.shop_token)
        raise RuntimeError("no log-in with password {TEXTS["exception"]}, " + os.environ["SHOP_PASSWORD"])
"""
FILES = ("report.html", "report.json", "report.xml", "report.md", "step.md", "summary.json", "run.db")
CSV = ("x_stats.csv", "x_stats_history.csv", "x_failures.csv", "x_exceptions.csv")


def secrets() -> dict[str, str]:
    """Every planted value by the place where it was planted."""
    values = {**ENVIRONMENT, **OPTIONS, **SHAPES, **TEXTS}
    values["MONITOR_DSN"], values["QUEUE_URL"] = "dsn-a4-p4ss", "amqp-b5-pw"
    return values


def attack(folder: Path) -> Iterator[Row]:
    """A row for each engine."""
    with StubServer() as stub:
        row = Row(f"{len(secrets())} secrets planted: Locust")
        row.tried(*(f"{secret} in {output}" for secret, output in plant(folder, stub)))
        yield row


def spellings(value: str) -> set[str]:
    """As text, in a URL, in base64."""
    return {value, quote(value, safe=""), b64encode(value.encode()).decode()}


def plant(folder: Path, stub: StubServer) -> list[tuple[str, str]]:
    """One run and all that can be made of it; returns (secret's place, output) for each that was found."""
    (folder / "locustfile.py").write_text(LOCUSTFILE)
    (folder / "users.csv").write_text(f"anna,{TEXTS['data']}")
    (folder / "loadproof.yaml").write_text(
        f"monitors:\n  postgres: {{url: 'postgres://m:{TEXTS['dsn']}@127.0.0.1:1/shop'}}\n"
    )
    outputs = _run(folder, stub)
    outputs |= {name: (folder / name).read_bytes().decode("latin-1") for name in (*FILES, *CSV)}
    for number, words in enumerate((
        ("judge", "run.db", "--log"), ("export", "run.db", "--format", "csv"),
        ("export", "run.db", "--format", "json"), ("export", "run.db", "--format", "jtl"),
    )):  # fmt: skip
        outputs[f"{number} {' '.join(words)}"] = _command(folder, *words)
    return [
        (place, name)
        for place, value in secrets().items()
        for name, text in outputs.items()
        if any(form in text for form in spellings(value))
    ]


def _run(folder: Path, stub: StubServer) -> dict[str, str]:
    """What a run prints, serves and has as arguments of its children, by the name of that output."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [word for name, value in OPTIONS.items() for word in ("--env", f"{name}={value}")]
    target = stub.url.replace("http://", f"http://me:{TEXTS['target']}@")
    words = [
        sys.executable, "-m", "loadproof", "run", "locustfile.py", "--target", target,
        "-u", "2", "-r", "10", "-t", "5s",
        "--run-file", "run.db", "--html", "report.html", "--json", "report.json", "--junit", "report.xml",
        "--markdown", "report.md", "--github", "--csv", "x", "--summary-export", "summary.json",
        "--metrics-port", str(port), *options, "--shop-token", TEXTS["argument"],
    ]  # fmt: skip
    env = {**os.environ, **ENVIRONMENT, "GITHUB_STEP_SUMMARY": str(folder / "step.md")}
    process = subprocess.Popen(
        words, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    arguments: set[str] = set()

    def loaded() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            own = psutil.Process(process.pid)
            typed = own.cmdline()
            for child in own.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    # Between its fork and its program a child still has the words that were typed.
                    if (words_of := child.cmdline()) != typed:
                        arguments.add(" ".join(words_of))
        return stub.arrived.total() > 100 or process.poll() is not None

    wait_until(loaded, 60)
    with contextlib.suppress(OSError):
        served = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    out, err = process.communicate(timeout=120)
    assert process.returncode in {3, 4}, out + err
    assert arguments
    return {"stdout": out, "stderr": err, "live figures": served, "arguments": "\n".join(arguments)}


def _command(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "loadproof", *words],
        cwd=folder, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert "Traceback (most recent call last)" not in done.stderr, done.stderr
    return done.stdout + done.stderr
