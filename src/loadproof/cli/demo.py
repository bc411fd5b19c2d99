"""`loadproof demo`: a real service, a real load test of it, a verdict; `demo serve` only serves."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from loadproof.cli import options as o
from loadproof.cli.output import Outputs, finish, with_outputs
from loadproof.cli.run import Screen
from loadproof.demo import DEFAULT_ROWS, DemoOptions, running, serve
from loadproof.demo.faults import FAULTS

app = typer.Typer(
    help="A loan service on a real PostgreSQL, to try Loadproof on.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

_DEFAULT_SECONDS = 60
_USERS = 40
_UP, _DOWN = 1 / 6, 1 / 12
"""Shares of the load's time in which users come and go."""

Rows = Annotated[
    int, typer.Option("--rows", help="Transactions in the database; other tables in proportion.")
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="Something that goes wrong, such as delay=50ms; repeat for more. There are: "
        f"{', '.join(fault.name for fault in FAULTS)}.",
    ),
]


@app.callback()
@with_outputs
def demo(
    context: typer.Context,
    rows: Rows = DEFAULT_ROWS,
    faults: Faults = None,
    seconds: Annotated[
        int, typer.Option("--seconds", min=10, max=3600, help="How long the load lasts.")
    ] = _DEFAULT_SECONDS,
    run_file: o.RunFile = None,
    quiet: o.Quiet = False,
    *,
    outputs: Outputs,
) -> int:
    """Serve the demo, load it with a locustfile, print the verdict."""
    if context.invoked_subcommand is not None:
        return 0
    from loadproof.demo.faults import fault_named
    from loadproof.pipeline.running import run
    from loadproof.plan import RunRequest

    for fault in faults or ():
        fault_named(fault.partition("=")[0])
    screen = Screen(quiet=quiet)
    with ExitStack() as until_the_end:
        scenario = until_the_end.enter_context(as_file(files("loadproof.demo") / "scenario"))
        screen.tell(f"starting a PostgreSQL with {rows:,} transactions, and a loan service on it ...")
        with screen.waiting("it has to make the data first"):
            options = DemoOptions(port=0, rows=rows, faults=tuple(faults or ()))
            service = until_the_end.enter_context(running(options))
        screen.tell(str(service.ready))
        request = RunRequest(
            scenario / "locustfile.py", target=service.base_url, stages=_stages(seconds), name="demo",
            requirements=scenario / "requirements.yaml", run_file=run_file, folder=Path("/"),
        )  # fmt: skip
        report = run(request, screen, draw=True)
    return finish(report, outputs, keep_page=True)


def _stages(seconds: int) -> tuple[str, ...]:
    """A ramp, a hold, and a short way down."""
    up, down = round(seconds * _UP, 1), round(seconds * _DOWN, 1)
    return f"{up:g}s:{_USERS}", f"{round(seconds - up - down, 1):g}s:{_USERS}", f"{down:g}s:0"


@app.command("serve")
def demo_serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="TCP port; 0 for a free one.")] = 8000,
    rows: Rows = DEFAULT_ROWS,
    faults: Faults = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="Let /admin/faults switch faults while it runs.")
    ] = False,
    pool_size: Annotated[int, typer.Option("--pool-size", help="Connections to PostgreSQL.")] = 10,
    database_url: Annotated[
        str | None, typer.Option("--database-url", envvar="DATABASE_URL", help="Use this PostgreSQL instead.")
    ] = None,
) -> int:
    """Only serve the demo, until Ctrl-C."""
    options = DemoOptions(
        host=host,
        port=port,
        rows=rows,
        faults=tuple(faults or ()),
        admin=admin,
        pool_size=pool_size,
        database_url=database_url,
    )
    serve(options)
    return 0
