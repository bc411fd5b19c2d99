"""Imports of URLs: what a script needs, the store beside it, and a run that takes them from there."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
import pytest

from loadproof.cli.app import run_app
from loadproof.engines.k6 import download
from loadproof.engines.k6.download import Download
from loadproof.engines.k6.engine import K6Engine
from loadproof.engines.k6.modules import Store, addresses, file_of
from loadproof.engines.k6.vendored import vendored
from loadproof.errors import ConfigError
from loadproof.model import EventKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.k6.conftest import Lab

UTILS = "https://jslib.k6.io/k6-utils/1.4.0/index.js"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"import {{ a }} from '{UTILS}';", [UTILS]),
        (f'import "{UTILS}"', [UTILS]),
        (f"const m = require(\"{UTILS}\");\nexport * from '{UTILS}';", [UTILS]),
        (f"const m = await import('{UTILS}');", [UTILS]),
        (f"// import a from '{UTILS}'\n/* from '{UTILS}' */", []),
        ("import http from 'k6/http';\nimport './lib.js';\nhttp.get('https://t.test/');", []),
    ],
)
def test_imports_of_urls_are_found_and_nothing_else(text: str, found: list[str]) -> None:
    """Not in comments, not k6's own modules, not files, not addresses that are requested."""
    assert addresses(text) == found


def test_a_module_imports_relative_to_its_own_address() -> None:
    """Also from the root of its host."""
    text = "import './a.js'; import '../b.js'; import '/c.js'; import 'k6/crypto';"
    assert addresses(text, UTILS) == [
        "https://jslib.k6.io/k6-utils/1.4.0/a.js",
        "https://jslib.k6.io/k6-utils/b.js",
        "https://jslib.k6.io/c.js",
    ]


@pytest.mark.parametrize(
    ("url", "file"),
    [
        (UTILS, "jslib.k6.io/k6-utils/1.4.0/index.js"),
        ("https://h.test:8443/a.js?v=1", "h.test_8443/a@v%3D1.js"),
        ("https://h.test/../../etc/passwd", "h.test/etc/passwd"),
        ("https://h.test/%2e%2e/x.js", "h.test/%252e%252e/x.js"),
        ("https://h.test/", "h.test/index.js"),
        ("https://me:secret@h.test/x.js", "h.test/x.js"),
    ],
)
def test_a_module_has_its_place_in_the_store(url: str, file: str) -> None:
    """Below the store whatever the address says, and without a password."""
    assert file_of(url) == file


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that imports one module by URL, and that is in the store."""
    path = tmp_path / "script.js"
    path.write_text(f"import {{ a }} from '{UTILS}';\nimport b from './lib/b.js';\nopen('./data.csv');\n")
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "b.js").write_text(f"import '{UTILS}';\nexport default 1;\n")
    Store(path).put(UTILS, b"export const a = 1;\n")
    return path


def test_a_copy_imports_from_the_store_and_keeps_its_lines(script: Path, tmp_path: Path) -> None:
    """The user's files stay as they are; what stands beside them is found beside the copy."""
    before = script.read_text()
    given = vendored(script, tmp_path / "run")
    copy = given.script.read_text()
    assert f"from 'file://{tmp_path}/run/modules/jslib.k6.io/k6-utils/1.4.0/index.js'" in copy
    assert copy.count("\n") == before.count("\n")
    assert UTILS not in (given.script.parent / "lib" / "b.js").read_text()
    assert (given.script.parent / "data.csv").read_text() == "1"
    assert (given.script.parent / ".." / tmp_path.name / "data.csv").exists()
    assert script.read_text() == before
    assert given.told(f"at file://{given.script}:2:1") == f"at file://{script}:2:1"


def test_a_script_without_a_store_is_given_as_it_is(tmp_path: Path) -> None:
    """k6 fetches then, as it always does."""
    path = tmp_path / "script.js"
    path.write_text(f"import '{UTILS}';\n")
    assert vendored(path, tmp_path / "run").script == path


def test_a_module_that_was_changed_is_refused(script: Path, tmp_path: Path) -> None:
    """By whoever: what runs is what was downloaded."""
    (Store(script).folder / "jslib.k6.io/k6-utils/1.4.0/index.js").write_text("evil()")
    with pytest.raises(ConfigError, match="is not what came from"):
        vendored(script, tmp_path / "run")


def test_an_index_that_leads_out_of_the_store_is_refused(script: Path, tmp_path: Path) -> None:
    """Somebody else may have written it."""
    index = Store(script).index
    rows = orjson.loads(index.read_bytes())
    rows["modules"][0]["file"] = "../script.js"
    index.write_bytes(orjson.dumps(rows))
    with pytest.raises(ConfigError, match="outside"):
        vendored(script, tmp_path / "run")


@pytest.mark.parametrize("url", ["http://jslib.k6.io/x.js", "ftp://h.test/x.js", "http://10.0.0.1/x.js"])
def test_code_comes_over_https_only(url: str) -> None:
    """This machine's own loopback aside."""
    with pytest.raises(ConfigError, match="only https"):
        download._check(url)


ANSWERS = {
    "/utils/index.js": "export { two } from './more.js';\nexport const one = 1;\n",
    "/utils/more.js": "import '/root.js';\nexport const two = 2;\n",
    "/root.js": "",
    "/throws.js": "export function broken() {\n  throw new Error('of the module');\n}\n",
}


class Modules(BaseHTTPRequestHandler):
    """A server of modules on this machine."""

    def do_GET(self) -> None:
        body = ANSWERS.get(self.path, "").encode()
        if self.path == "/long.js":
            body = b" " * 1000
        moved = self.path in ("/moved.js", "/away.js", "/round.js")
        self.send_response(302 if moved else 200 if body or self.path in ANSWERS else 404)
        to = {"/moved.js": "/utils/index.js", "/away.js": "http://10.0.0.1/x.js", "/round.js": "/round.js"}
        if moved:
            self.send_header("Location", to[self.path])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what it answered is seen in the store."""


@pytest.fixture
def served() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Modules) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_module_comes_with_what_it_imports(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each once, with its hash; a second time there is nothing to do, and --again says what changed."""
    script = tmp_path / "script.js"
    script.write_text(f"import {{ one }} from '{served}/utils/index.js';\n")
    assert run_app(["k6", "vendor", str(script), "--yes"]) == 0
    store = Store(script)
    urls = [f"{served}{path}" for path in ("/root.js", "/utils/index.js", "/utils/more.js")]
    assert sorted(store.modules()) == urls
    assert [store.read(store.modules()[url]).decode() for url in urls] == [
        ANSWERS[url.removeprefix(served)] for url in urls
    ]
    assert "has 3 modules" in capsys.readouterr().out
    assert run_app(["k6", "vendor", str(script)]) == 0
    assert "fetched" not in capsys.readouterr().out
    store.put(urls[2], b"export const two = 1;\n")
    assert run_app(["k6", "vendor", str(script), "--yes", "--again"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[:2] for line in said.splitlines()[:3]] == [
        ["fetched", urls[1]], ["changed", urls[2]], ["fetched", urls[0]],
    ]  # fmt: skip


def test_nothing_is_downloaded_without_a_word(
    served: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can be asked that is exit code 2, with what to type."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    script = tmp_path / "script.js"
    script.write_text(f"import '{served}/utils/index.js';\n")
    assert run_app(["k6", "vendor", str(script)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert not Store(script).folder.exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere.js", "answered 404"),
        ("/away.js", "only https"),
        ("/round.js", "redirects more than 5 times"),
        ("/long.js", "is greater than"),
    ],
)
def test_what_is_no_module_is_refused(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    """Wrong answers, redirects to where code must not come from, and what is too long."""
    monkeypatch.setattr(download, "MOST_BYTES", 500)
    script = tmp_path / "script.js"
    script.write_text(f"import '{served}{path}';\n")
    with pytest.raises(ConfigError, match=said):
        Download(script).fetch(f"{served}{path}")
    assert not Store(script).folder.exists()


def test_a_redirect_on_this_machine_is_followed(served: str, tmp_path: Path) -> None:
    """The store has it under the address that the script imports."""
    script = tmp_path / "script.js"
    script.write_text(f"import '{served}/moved.js';\n")
    module, changed = Download(script).fetch(f"{served}/moved.js")
    assert (module.url, changed) == (f"{served}/moved.js", False)
    assert Store(script).read(module).decode() == ANSWERS["/utils/index.js"]


@pytest.mark.real
def test_k6_runs_what_the_store_has(lab: Lab) -> None:
    """With a module that throws: its place, and the script's, are those of the user's files."""
    script = lab.script(
        f"""import {{ two }} from '{UTILS}';
        import {{ broken }} from 'https://h.test/throws.js';
        const data = open('./data.csv');
        export const options = {{ iterations: 3 }};
        export default function () {{
          http.get(`BASE/${{two}}${{data}}`);
          broken();
        }}
        """
    )
    (lab.folder / "data.csv").write_text("rows")
    store = Store(script)
    store.put(UTILS, b"export { two } from './more.js';")
    store.put(UTILS.replace("index", "more"), b"export const two = 2;")
    store.put("https://h.test/throws.js", ANSWERS["/throws.js"].encode())
    assert K6Engine().inspect(lab.plan(script)).problems == ()
    outcome, sunk = lab.run(script)
    assert outcome is Outcome.COMPLETED
    assert lab.stub.counts["GET", "/2rows"] == 3
    (raised,) = {event.text("traceback") for event in sunk.of(EventKind.RAISED)}
    assert f"file://{store.folder}/h.test/throws.js:2" in raised
    assert f"file://{script}:9" in raised


@pytest.mark.real
def test_a_throw_in_init_is_told_of_the_users_file(lab: Lab) -> None:
    """Before the load too."""
    script = lab.script(f"import '{UTILS}';\nthrow new Error('no such tenant');\n")
    Store(script).put(UTILS, b"")
    (problem,) = K6Engine().inspect(lab.plan(script)).problems
    assert problem.where == f"{script}:4"
