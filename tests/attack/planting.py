"""Secrets planted in everything that goes into a run, and looked for in everything that comes out of it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

import psutil

from loadproof.errors import ExitCode
from tests.attack.table import Row
from tests.demo.concurrency import wait_until
from tests.servers import StubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOADED = 2
"""Requests of the load, after which the live figures are asked for."""
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
    "form": "form-d13-pw", "option": "opt-alone-d14-tok", "variable": "udv-d15-pw",
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
        print("--shop-token {TEXTS["argument"]}")
        print("alone:", self.environment.parsed_options.shop_token)
        raise RuntimeError("no log-in with password {TEXTS["exception"]}, " + os.environ["SHOP_PASSWORD"])
"""
K6 = f"""
import http from 'k6/http';
import {{ check, group, fail, sleep }} from 'k6';
const NAMES = {sorted([*ENVIRONMENT, *OPTIONS])!r};
const SHAPES = {sorted(SHAPES.values())!r};
export const options = {{ vus: 2, duration: '5s' }};
const ROW = open('users.csv').split(',');
for (const name of NAMES) console.log(name, 'is', __ENV[name]);

export default function () {{
  const base = __ENV.BASE;
  http.get(`${{base}}/loans?access_token={TEXTS["query"]}`);
  http.get(`${{base}}/loans`, {{ tags: {{ name: 'http://me:{TEXTS["name"]}@127.0.0.1:9/loans' }} }});
  const said = [
    'Authorization: Bearer {TEXTS["bearer"]}', 'Set-Cookie: sid={TEXTS["cookie"]}; Path=/',
    'X-Api-Key: {TEXTS["header"]}', JSON.stringify({{ password: '{TEXTS["json"]}', id: 5 }}),
    'db_password: {TEXTS["yaml"]}', 'password=' + ROW[1], 'login?password={TEXTS["form"]}&x=1',
    ...SHAPES, ...NAMES.map((name) => __ENV[name]),
  ];
  said.forEach((text, number) => {{
    console.error('the service said', text);
    console.warn(JSON.stringify({{ token: text }}));
    const answer = http.get(`${{base}}/loans`, {{
      tags: {{ name: `call ${{number}} ${{text}}` }}, headers: {{ Authorization: `Bearer ${{text}}` }},
    }});
    check(answer, {{ [`not ${{text}}`]: () => false }});
    group(`group ${{text}}`, () => http.get(`${{base}}/loans`));
  }});
  console.log('--shop-token', '{TEXTS["argument"]}');
  sleep(0.5);
  fail(`no log-in with password {TEXTS["exception"]}, ${{__ENV.SHOP_PASSWORD}}`);
}}
"""
_GROOVY = f"""
def names = {sorted([*ENVIRONMENT, *OPTIONS])!r}
def said = ['Authorization: Bearer {TEXTS["bearer"]}', 'Set-Cookie: sid={TEXTS["cookie"]}; Path=/',
  'X-Api-Key: {TEXTS["header"]}', '{{"password": "{TEXTS["json"]}", "id": 5}}',
  'db_password: {TEXTS["yaml"]}', 'password={TEXTS["data"]}', 'login?password={TEXTS["form"]}&x=1',
  '--shop-token {TEXTS["argument"]}', props.getProperty('shop.token'), vars.get('udv_password')]
said += {sorted(SHAPES.values())!r}
said += names.collect {{ System.getenv(it) ?: '' }}
said.each {{ text ->
  log.error("the service said " + text)
  println("the service said " + text)
  def one = new org.apache.jmeter.samplers.SampleResult()
  one.setSampleLabel("call " + text); one.setResponseMessage("refused: " + text); one.setResponseCode("500")
  one.sampleStart(); one.sampleEnd(); one.setSuccessful(false)
  SampleResult.addSubResult(one)
}}
SampleResult.setSampleLabel('http://me:{TEXTS["name"]}@host/loans?access_token={TEXTS["query"]}')
def why = 'no log-in with password {TEXTS["exception"]}, ' + System.getenv('SHOP_PASSWORD')
SampleResult.setResponseMessage(why)
SampleResult.setSuccessful(false)
throw new RuntimeException(why)
"""
JMETER = """<?xml version="1.0" encoding="UTF-8"?>
<jmeterTestPlan version="1.2" properties="5.0"><hashTree>
<TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="planted">
  <elementProp name="TestPlan.user_defined_variables" elementType="Arguments">
    <collectionProp name="Arguments.arguments"><elementProp name="udv_password" elementType="Argument">
      <stringProp name="Argument.name">udv_password</stringProp>
      <stringProp name="Argument.value">{variable}</stringProp></elementProp></collectionProp></elementProp>
</TestPlan>
<hashTree>
  <ThreadGroup guiclass="ThreadGroupGui" testclass="ThreadGroup" testname="Users">
    <stringProp name="ThreadGroup.num_threads">2</stringProp>
    <stringProp name="ThreadGroup.ramp_time">0</stringProp>
    <stringProp name="ThreadGroup.on_sample_error">continue</stringProp>
    <boolProp name="ThreadGroup.scheduler">true</boolProp>
    <stringProp name="ThreadGroup.duration">5</stringProp>
    <elementProp name="ThreadGroup.main_controller" elementType="LoopController">
      <stringProp name="LoopController.loops">-1</stringProp></elementProp>
  </ThreadGroup>
  <hashTree>
    <HTTPSamplerProxy guiclass="HttpTestSampleGui" testclass="HTTPSamplerProxy" testname="loans">
      <stringProp name="HTTPSampler.domain">${__P(host,127.0.0.1)}</stringProp>
      <stringProp name="HTTPSampler.port">${__P(port,8000)}</stringProp>
      <stringProp name="HTTPSampler.path">/loans</stringProp>
      <stringProp name="HTTPSampler.method">GET</stringProp>
    </HTTPSamplerProxy><hashTree/>
    <JSR223Sampler guiclass="TestBeanGUI" testclass="JSR223Sampler" testname="said">
      <stringProp name="scriptLanguage">groovy</stringProp><stringProp name="cacheKey">true</stringProp>
      <stringProp name="script">{script}</stringProp>
    </JSR223Sampler><hashTree/>
    <ConstantTimer guiclass="ConstantTimerGui" testclass="ConstantTimer" testname="think">
      <stringProp name="ConstantTimer.delay">300</stringProp></ConstantTimer><hashTree/>
  </hashTree>
</hashTree></hashTree></jmeterTestPlan>
""".replace("{variable}", TEXTS["variable"]).replace("{script}", escape(_GROOVY))
SCENARIOS: dict[str, tuple[str, str, tuple[str, ...], ExitCode]] = {
    "Locust": (
        "locustfile.py",
        LOCUSTFILE,
        ("-u", "2", "-r", "10", "-t", "5s", "--shop-token", TEXTS["option"]),
        ExitCode.INCONCLUSIVE,
    ),
    "k6": ("script.js", K6, (), ExitCode.INCONCLUSIVE),
    "JMeter": ("plan.jmx", JMETER, (f"-Jshop.token={TEXTS['option']}",), ExitCode.PASS),
}
"""File, text, further words, and how it ends: iterations that raise prove nothing."""
FILES = ("report.html", "report.json", "report.xml", "report.md", "step.md", "summary.json", "run.db")
CSV = ("x_stats.csv", "x_stats_history.csv", "x_failures.csv", "x_exceptions.csv")
LEAST = 18
"""Outputs that are searched."""


def secrets() -> dict[str, str]:
    """Every planted value by the place where it was planted."""
    values = {**ENVIRONMENT, **OPTIONS, **SHAPES, **TEXTS}
    values["MONITOR_DSN"], values["QUEUE_URL"] = "dsn-a4-p4ss", "amqp-b5-pw"
    return values


def attack(folder: Path) -> Iterator[Row]:
    """A row for each engine: a try is one secret in all outputs."""
    for engine in SCENARIOS:
        place = folder / engine
        place.mkdir()
        with StubServer() as stub:
            found, outputs = plant(place, stub, engine)
        row = Row(f"secrets planted: {engine}, in {outputs} outputs", tries=len(secrets()))
        row.lost = [f"{secret} in {output}" for secret, output in found]
        yield row


def spellings(value: str) -> set[str]:
    """As text, in a URL, in JSON, in base64."""
    return {value, quote(value, safe=""), json.dumps(value)[1:-1], b64encode(value.encode()).decode()}


def plant(folder: Path, stub: StubServer, engine: str = "Locust") -> tuple[list[tuple[str, str]], int]:
    """One run and all that can be made of it.

    Returns (secret's place, output) for each that was found, and the number of outputs.
    """
    file, text, _, _ = SCENARIOS[engine]
    (folder / file).write_text(text)
    (folder / "users.csv").write_text(f"anna,{TEXTS['data']}")
    (folder / "loadproof.yaml").write_text(
        f"monitors:\n  postgres: {{url: 'postgres://m:{TEXTS['dsn']}@127.0.0.1:1/shop'}}\n"
    )
    outputs = _run(folder, stub, engine)
    made = [name for name in (*FILES, *CSV) if (folder / name).exists()]
    outputs |= {name: (folder / name).read_bytes().decode("latin-1") for name in made}
    for number, words in enumerate((
        ("judge", "run.db", "--log"), ("export", "run.db", "--format", "csv"),
        ("export", "run.db", "--format", "json"), ("export", "run.db", "--format", "jtl"),
    )):  # fmt: skip
        outputs[f"{number} {' '.join(words)}"] = _command(folder, *words)
    found = [
        (place, name)
        for place, value in secrets().items()
        for name, text in outputs.items()
        if any(form in text for form in spellings(value))
    ]
    return found, len(outputs)


def _words(folder: Path, url: str, engine: str) -> list[str]:
    file, _, more, _ = SCENARIOS[engine]
    options = [word for name, value in OPTIONS.items() for word in ("--env", f"{name}={value}")]
    target = url.replace("http://", f"http://me:{TEXTS['target']}@")
    aim = ["--env", f"BASE={target}"] if engine == "k6" else ["--target", target]
    return [
        sys.executable, "-m", "loadproof", "run", file, *aim, "--run-file", "run.db", "--html", "report.html",
        "--json", "report.json", "--junit", "report.xml", "--markdown", "report.md", "--github", "--csv", "x",
        "--summary-export", "summary.json", *options, *more,
    ]  # fmt: skip


def _run(folder: Path, stub: StubServer, engine: str) -> dict[str, str]:
    """What a run prints, serves and has as arguments of its children, by the name of that output."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*_words(folder, stub.url, engine), "--metrics-port", str(port)]
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
        return sum(stub.loaded.values()) > _LOADED or process.poll() is not None

    wait_until(loaded, 60)
    with contextlib.suppress(OSError):
        served = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    out, err = process.communicate(timeout=120)
    assert process.returncode == SCENARIOS[engine][3], out + err
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
