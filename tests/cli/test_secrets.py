"""Secrets never reach the run file's bytes, the report or the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Here, Shell

SECRETS = ("hunter2pass", "s3cr3t-of-env", "tok-in-query", "bearer-in-text", "p4ss-in-name")
LOCUSTFILE = """
import os
from locust import HttpUser, constant, task
print("starting with", os.environ["API_TOKEN"])

class Borrower(HttpUser):
    wait_time = constant(0.1)

    @task
    def visit(self):
        self.client.get("/loans?access_token=tok-in-query")
        self.client.get("/loans", name="http://me:p4ss-in-name@host/loans")
        with self.client.get("/loans", name="checked", catch_response=True) as response:
            response.failure("Authorization: Bearer bearer-in-text was refused")
        print(self.host, "by", os.environ["API_TOKEN"])
        print("Authorization: Bearer bearer-in-text")
"""


def test_no_secret_is_kept_or_shown(shell: Shell, here: Here) -> None:
    """Passwords in URLs, tokens in names and queries, variables, what the scenario prints."""
    shell.write("locustfile.py", LOCUSTFILE)
    target = shell.stub.url.replace("http://", "http://me:hunter2pass@")
    done = shell.load("--env", "API_TOKEN=s3cr3t-of-env", "--target", target, "--json", "r.json", seconds=2)
    judged = here("judge", "run.db", "--log")
    assert done.code == 0, done.text
    assert shell.stub.arrived["GET", "/loans?access_token=tok-in-query"] > 0
    kept = (shell.folder / "run.db").read_bytes().decode("latin-1") + (shell.folder / "r.json").read_text()
    for secret in SECRETS:
        assert secret not in done.text, secret
        assert secret not in judged.text, secret
        assert secret not in kept, secret
    assert "/loans?access_token=***" in done.out


def test_no_secret_is_in_an_error(shell: Shell, here: Here) -> None:
    """Neither what a locustfile raises when it is imported, nor a target that is not there."""
    shell.write(
        "bad.py",
        "import os\nraise RuntimeError('Authorization: Bearer bearer-in-text; ' + os.environ['API_TOKEN'])",
    )
    args = ("bad.py", "-u", "1", "--env", "API_TOKEN=s3cr3t-of-env")
    for done in (
        here("check", *args),
        here("run", "locustfile.py", "-u", "1", "--target", "http://me:hunter2pass@127.0.0.1:1"),
    ):
        assert done.errors()
        assert not [secret for secret in SECRETS if secret in done.text], done.text
