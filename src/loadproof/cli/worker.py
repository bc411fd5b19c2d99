"""`loadproof worker`: drive a share of the load of a run on another machine."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.cli.scenario import split_arguments
from loadproof.errors import ConfigError, Problem, read_as
from loadproof.plan.chosen import scenario_files
from loadproof.plan.options import parse_address, parse_env, run_token
from loadproof.units import parse_duration

if TYPE_CHECKING:
    from loadproof.engines.locust.machines.worker import LocustWorker

_DEFAULT_WAIT = "5m"


def command(
    master: Annotated[
        str, typer.Option("--master", help="HOST[:PORT] of `loadproof run --expect-workers`; port 5557.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            help="The same locustfile as the run's; without one the master sends its own. "
            "Options that are not listed here go to Locust as they are.",
            show_default=False,
        ),
    ] = None,
    locustfile: Annotated[
        list[str] | None,
        typer.Option("--locustfile", "-f", help="The scenario, as Locust's own command line takes it."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", help="The secret of the run; better as the variable LOADPROOF_TOKEN."),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE for the scenario; repeat for more.")
    ] = None,
    wait: Annotated[str, typer.Option("--wait", help="How long to try to reach the master.")] = _DEFAULT_WAIT,
) -> int:
    """Work for a run on another machine until that run is over."""
    from loadproof.engines.locust.machines.worker import LocustWorker, WorkerRequest

    host, port = parse_address(master, "--master")
    files, engine_args = _scenario(arguments or [], locustfile or [])
    _check_resolves(host)
    request = WorkerRequest(
        master_host=host,
        master_port=port,
        files=files,
        wait_s=read_as(parse_duration, wait, "--wait"),
        engine_args=engine_args,
        env=tuple(parse_env(env or ()).items()),
        token=run_token(token),
    )
    return asyncio.run(_work(LocustWorker(request, typer.echo)))


async def _work(worker: LocustWorker) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, worker.stop)
    return int(await worker.run())


def _scenario(arguments: list[str], locustfiles: list[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The locustfiles, if any are given, and what is Locust's."""
    text, engine_args = split_arguments(arguments, locustfiles)
    if text is None:
        return (), engine_args
    for word in text.split(","):
        if Path(word).suffix not in {"", ".py"}:
            hint = "only locustfiles (.py) are spread over machines; without one the master sends its own"
            raise ConfigError(Problem(f"'{word}' is no locustfile", hint=hint))
    return tuple(scenario_files(Path(), text, "")), engine_args


def _check_resolves(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise ConfigError(Problem(f"the name '{host}' does not resolve: {error}", "--master")) from None
