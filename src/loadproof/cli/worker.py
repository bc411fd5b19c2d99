"""`loadproof worker`: drive a share of the load of a run on another machine."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadproof.cli.scenario import split_arguments
from loadproof.errors import ConfigError, Problem
from loadproof.plan.options import parse_address, parse_env
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
        Path | None,
        typer.Option("--locustfile", "-f", help="The scenario, as Locust's own command line takes it."),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE for the scenario; repeat for more.")
    ] = None,
    wait: Annotated[str, typer.Option("--wait", help="How long to try to reach the master.")] = _DEFAULT_WAIT,
) -> int:
    """Work for a run on another machine until that run is over."""
    from loadproof.engines.locust.machines.worker import LocustWorker, WorkerRequest

    host, port = parse_address(master, "--master")
    scenario, engine_args = _scenario(arguments or [], locustfile)
    _check_resolves(host)
    request = WorkerRequest(
        master_host=host,
        master_port=port,
        scenario=scenario,
        wait_s=_seconds(wait),
        engine_args=engine_args,
        env=tuple(parse_env(env or ()).items()),
    )
    return asyncio.run(_work(LocustWorker(request, typer.echo)))


async def _work(worker: LocustWorker) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, worker.stop)
    return int(await worker.run())


def _scenario(arguments: list[str], locustfile: Path | None) -> tuple[Path | None, tuple[str, ...]]:
    """The locustfile, if one is given, and what is Locust's."""
    has_file = locustfile is not None or any(Path(word).suffix for word in arguments)
    named = bool(arguments) and not arguments[0].startswith("-")
    if not has_file and not named:
        return None, tuple(arguments)
    text, engine_args = split_arguments(arguments, locustfile)
    scenario = Path(text or "")
    if scenario.suffix != ".py":
        hint = "only locustfiles (.py) are spread over machines; without one the master sends its own"
        raise ConfigError(Problem(f"'{scenario}' is no locustfile", hint=hint))
    if not scenario.is_file():
        raise ConfigError(Problem(f"the scenario '{scenario}': no such file"))
    return scenario, engine_args


def _check_resolves(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise ConfigError(Problem(f"the name '{host}' does not resolve: {error}", "--master")) from None


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(Problem(str(error), "--wait")) from None
