"""Bad input: one clear error for each problem, no traceback, and the right exit code."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.servers import OWN_PATHS

if TYPE_CHECKING:
    from tests.cli.conftest import Here, Shell

R = ("run", "locustfile.py", "--requirements", "r.yaml", "-u", "1")
U = ("-u", "1", "-t", "1s")
SEARCH = """
tests:
  a:
    scenario: locustfile.py
    users: 1
    run_time: 5s
    capacity: {min_rate: 9/s, max_rate: 1/s}
"""


@pytest.mark.parametrize(
    ("files", "args", "message"),
    [
        ({}, ("run", "missing.py", *U), "missing.py"),
        ({"a.py": "class U(:"}, ("run", "a.py", *U), "SyntaxError"),
        ({"a.py": "raise OSError('no database')"}, ("run", "a.py", *U), "OSError: no database"),
        ({"a.py": "import os\nos.environ['PIN']"}, ("run", "a.py", *U), "a.py:2: the scenario needs PIN"),
        ({"a.py": "x = 1"}, ("run", "a.py", *U), "no user class found"),
        ({}, ("run", "locustfile.py", "--engine", "jmetre", *U), "jmetre"),
        ({}, ("run", "locustfile.py", "--no-such-option", *U), "--no-such-option"),
        ({"loadproof.yaml": "target: [unclosed"}, ("run", "locustfile.py", *U), "loadproof.yaml:"),
        ({"loadproof.yaml": "targets: http://x"}, ("run", "locustfile.py", *U), "targets"),
        ({"loadproof.yaml": SEARCH}, ("check", "a", "--target", "STUB"), "loadproof.yaml:7"),
        ({"r.yaml": "response_time:\n  p95: fast"}, R, "r.yaml:2"),
        ({"r.yaml": "response_time:\n  p101: <1s"}, R, "p101"),
        ({"r.yaml": "http_req_duration: ['p(101)<500']"}, R, "101"),
        ({}, ("run", "locustfile.py", "--target", "ftp://x", *U), "ftp"),
        ({}, ("run", "locustfile.py", "-u", "0", "-t", "1s"), "--users"),
        ({}, ("run", "locustfile.py", "--time-scale", "7", *U), "--time-scale"),
        ({}, ("run", *U), ""),
        ({}, ("judge", "missing.db"), "missing.db: there is no such run file"),
        ({"x.db": "not a database"}, ("judge", "x.db"), "x.db"),
        ({}, ("run", "locustfile.py", "--run-file", "/proc/run.db", "--target", "STUB", *U), "/proc/run.db"),
        ({"init.js": "throw new Error('no data');"}, ("run", "init.js"), "no data"),
    ],
)  # fmt: skip
def test_it_is_told_in_one_error(
    files: dict[str, str], args: tuple[str, ...], message: str, shell: Shell, here: Here
) -> None:
    """Exit code 2, one problem, the word that is wrong, and no request to anybody."""
    for name, text in files.items():
        shell.write(name, text)
    done = here(*(arg.replace("STUB", shell.stub.url) for arg in args))
    assert done.code == 2, done.text
    (error,) = done.errors()
    assert message in error
    # The preflight, and the look for something to watch.
    assert shell.stub.arrived.keys() <= {("GET", path) for path in OWN_PATHS}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "--users", "many"), "error: --users: 'many' is not a whole number"),
        (("run", "-r", "2/s"), "error: --spawn-rate: '2/s' is not a number\n       write 2"),
        (("run", "-umany"), "error: --users: 'many' is not a whole number"),
        (("demo", "--seconds", "8"), "error: --seconds: 8 is less than 10\n       10 is allowed"),
        (("ab", "a.py", "--rounds", "99"), "error: --rounds: 99 is more than 50\n       50 is allowed"),
        (("judge",), "error: "),
        (("nothing",), "error: no such command 'nothing'"),
        (("rnu",), "did you mean 'run'?"),
        (("help", "run"), "error: no such command 'help'\n       `loadproof run --help`"),
        (("version",), "error: no such command 'version'\n       `loadproof --version`"),
        (("init", "--ci"), "error: option '--ci' requires an argument\n       `loadproof init --help`"),
        (("judge", "."), "error: .: this is a folder, and no run file"),
        (("init", "--from", "api.json"), "no file of this folder ends in .json"),
        (
            ("run", "a.py", "--expect-workers", "2", "--bind", "0.0.0.0"),
            "`openssl rand -hex 16` makes one, and the variable LOADPROOF_TOKEN takes it",
        ),
        (("judge", "a", "--nope"), "error: no such option: --nope"),
        (("-f", "lf.py", "-u", "5"), "error: -f is no command"),
        (("soak", "lf.py"), "`loadproof run SCENARIO --profile soak`"),
        (("history", "--since", "today"), "error: no such option: --since"),
        (("demo", "--fault", "dealy=1ms"), "error: unknown fault 'dealy'"),
        (("run", "a.py", "-u", "5", "-t", "5", "m"), "error: -t 5 m is two words\n       write -t 5m"),
        (("check", "a.py", "--rate", "5", "/s"), "error: --rate 5 /s is two words\n       write --rate 5/s"),
        (
            ("check", "a.py", "--rate", "5", "rps"),
            "error: --rate 5 rps is two words\n       write --rate 5/s",
        ),
        (("check", "a.py", "--rate", "5", "m"), "error: --rate 5 m is two words\n       write --rate 5/min"),
        (("run", "a.py", "-t", "5", "sec"), "error: -t 5 sec is two words\n       write -t 5s"),
        (("run", "a.py", "-target", "http://x"), "error: -target has one dash\n       write --target"),
        (("run", "r.yaml", "a.py"), "error: 'r.yaml' is no scenario, and follows no option"),
        (("run", "a.py", "-u", "5", "r.yaml"), "requirements: --requirements r.yaml"),
        (("run", "pass.yaml"), "requirements stand behind a scenario: --requirements pass.yaml"),
        (("judge", "--requirements", "a.py"), "error: a.py: this is a scenario, and no requirements"),
        (("judge", "locustfile.py"), "`loadproof run locustfile.py` plays it"),
    ],
)
def test_wrong_usage_is_2(args: tuple[str, ...], said: str, here: Here) -> None:
    """As every other error: the option, the value and the way out."""
    done = here(*args)
    assert done.code == 2
    assert said in done.err
    assert done.err.startswith("error: ")


def test_a_port_in_use_is_told(shell: Shell) -> None:
    """The demo names the port, before it has started a database."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = shell("demo", "serve", "--port", port, "--rows", "1000")
    (error,) = done.errors()
    assert port in error
    assert done.code == 2


def test_all_problems_are_told_at_once(shell: Shell, here: Here) -> None:
    """Not one after the other, run for run."""
    shell.write("r.yaml", "response_time:\n  p95: fast\n  p101: <1s\nthroughput:\n  target_rps: many\n")
    done = here("check", "locustfile.py", "--requirements", "r.yaml", "--time-scale", "9", *U)
    assert (done.code, len(done.errors())) == (2, 4)


def test_without_a_name_the_locustfile_of_the_folder_is_meant(shell: Shell, here: Here) -> None:
    """By every verb, as Locust has it; nobody is asked which scenario."""
    done = here("check", "--target", "http://127.0.0.1:9", *U)
    assert done.code == 0, done.text
    assert "no scenario was named: locustfile.py" in done.out
    for verb in (("run", *U), ("capacity", "--requirements", "pass.yaml")):
        done = here(*verb, "--target", "http://127.0.0.1:9")
        assert (done.code, "refuses the connection" in done.err) == (6, True), done.text


def test_check_without_a_name_looks_at_each_test(shell: Shell, here: Here) -> None:
    """What is wrong in several of them is told once, after all of them."""
    good = "  a: {scenario: locustfile.py, users: 1, run_time: 5s}\n"
    shell.write("loadproof.yaml", f"target: http://127.0.0.1:9\ntests:\n{good}{good.replace('  a', '  b')}")
    done = here("check")
    assert done.code == 0, done.text
    assert [line.split() for line in done.out.splitlines() if line.startswith(("test ", "ok"))] == [
        ["test", "a"], ["ok"], ["test", "b"], ["ok"],
    ]  # fmt: skip
    shell.write("locustfile.py", "import nosuchmodule")
    done = here("check")
    (error,) = done.errors()
    assert (done.code, done.out.count("not ok")) == (2, 2)
    assert "nosuchmodule" in error


def test_check_of_several_tests_ends_with_the_gravest(shell: Shell, here: Here) -> None:
    """Production that is refused stays refused beside a wrong scenario; all problems are told."""
    shell.write("loadproof.yaml", "production: [prod.example.com]\ntests:\n"
                "  a: {scenario: locustfile.py, target: http://prod.example.com, users: 1, run_time: 5s}\n"
                "  b: {scenario: locustfile.py, target: http://127.0.0.1:9, users: 1}\n"
                "  c: {scenario: broken.py, target: http://127.0.0.1:9, users: 1, run_time: 5s}\n"
    )  # fmt: skip
    shell.write("broken.py", "import nosuchmodule")
    done = here("check")
    assert done.code == 7, done.text
    assert "nosuchmodule" in done.err
    assert "prod.example.com" in done.err
