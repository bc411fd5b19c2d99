"""The arguments that `run` and `check` share: a scenario, and how to load with it."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from loadproof.engines import SUFFIXES
from loadproof.errors import ConfigError, Problem
from loadproof.plan import PlanRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def with_plan_request(verb: Callable[..., int]) -> Callable[..., int]:
    """Give `verb(request, **own)` the shared arguments on the command line, in front of its own."""
    own = inspect.signature(verb, eval_str=True)
    shared = inspect.signature(_request, eval_str=True)

    @functools.wraps(verb)
    def command(**values: object) -> int:
        request = _request(**{name: values.pop(name) for name in shared.parameters})  # type: ignore[arg-type]
        return verb(request, **values)

    parameters = [*shared.parameters.values(), *list(own.parameters.values())[1:]]
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _request(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            help="A locustfile (.py), a k6 script (.js, .ts), a JMeter plan (.jmx) or the name of a test in "
            "loadproof.yaml. Options that are not listed here go to Locust, k6 or JMeter as they are.",
            show_default=False,
        ),
    ] = None,
    locustfile: Annotated[
        Path | None,
        typer.Option("--locustfile", "-f", help="The scenario, as Locust's own command line takes it."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="locust, k6 or jmeter; by default what the file's name says."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "--host", "-H", help="Base URL to load instead of the scenario's own."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Load over time: smoke, load, stress, spike or soak.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            help="A stage of your own, such as 2m:50 (users) or 2m:50/s (arrivals); repeat for more.",
        ),
    ] = None,
    users: Annotated[
        int | None, typer.Option("--users", "-u", help="Virtual users; with --profile, the most of them.")
    ] = None,
    spawn_rate: Annotated[
        float | None, typer.Option("--spawn-rate", "-r", help="Users started per second.")
    ] = None,
    run_time: Annotated[
        str | None, typer.Option("--run-time", "-t", help="How long, such as 5m or 1h30m.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", help="The open model: arrivals per time, such as 200/s; with --run-time."),
    ] = None,
    max_users: Annotated[
        int | None,
        typer.Option(
            "--max-users", help="Of the open model: users at most; by default 10 for each per second."
        ),
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option("--arrivals", help="Of the open model: constant (the default) or poisson."),
    ] = None,
    requirements: Annotated[
        list[Path] | None,
        typer.Option("--requirements", help="A YAML file of requirements; repeat for more."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", help="NAME=VALUE for the scenario (k6's __ENV); repeat for more."),
    ] = None,
    time_scale: Annotated[
        float | None,
        typer.Option(
            "--time-scale", help="Play the profile in this fraction of its time: 0.05 is a rehearsal."
        ),
    ] = None,
    expect_workers: Annotated[
        int | None,
        typer.Option("--expect-workers", help="Other machines drive the load: wait for so many workers."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", help="HTTP client of a locustfile: loadproof (the default) or locust."),
    ] = None,
    stop_on: Annotated[
        str | None,
        typer.Option(
            "--stop-on", help="End early: breach (one cannot pass any more) or settled (none changes)."
        ),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option("--probe", help="Safe path, such as /healthz, to GET 5 times a second beside the load."),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option("--bind", help="HOST[:PORT] where they connect; by default any interface, port 5557."),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", help="What the target is, such as staging; production is refused."),
    ] = None,
    allow_production: Annotated[
        str | None,
        typer.Option("--allow-production", help="Type the host of production to load it, within a cap."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the run; by default the scenario's file name.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="By default loadproof.yaml in this folder, if there is one."),
    ] = None,
) -> PlanRequest:
    scenario, engine_args = split_arguments(arguments or [], locustfile)
    return PlanRequest(
        scenario=scenario,
        engine=engine,
        target=target,
        profile=profile,
        stages=tuple(stage or ()),
        users=users,
        spawn_rate=spawn_rate,
        run_time=run_time,
        rate=rate,
        max_users=max_users,
        arrivals=arrivals,
        requirements=tuple(requirements or ()),
        engine_args=engine_args,
        env=tuple(env or ()),
        time_scale=time_scale,
        expect_workers=expect_workers,
        bind=bind,
        session=session,
        environment=environment,
        allow_production=allow_production,
        stop_on=stop_on,
        probe=probe,
        name=name,
        config=config,
    )


_JMETER_LONG: Final = {"-J": "--jmeterproperty", "-D": "--systemproperty", "-G": "--globalproperty"}
_PROPERTY_FILE: Final = "-q"


def with_long_options(argv: Sequence[str]) -> list[str]:
    """The command line with JMeter's `-Jname=value` in its long form.

    One letter with its value behind it would be read as several of Loadproof's own: -J, -u with "sers=10".
    `-q` is Loadproof's for quiet; in front of a file, beside a JMeter plan, it is JMeter's.
    """
    words = list(argv)
    plan = any(word.endswith(".jmx") for word in words)
    found: list[str] = []
    for index, word in enumerate(words):
        long = _JMETER_LONG.get(word[:2])
        following = words[index + 1] if index + 1 < len(words) else ""
        if long is not None and len(word) > 2:
            found.append(f"{long}={word[2:]}")
        elif long is not None:
            found.append(long)
        elif word == _PROPERTY_FILE and plan and following and following != "-" and Path(following).is_file():
            own = following.endswith(".jmx")
            found.append(word if own else "--addprop")
        else:
            found.append(word)
    return found


def split_arguments(arguments: Sequence[str], locustfile: Path | None) -> tuple[str | None, tuple[str, ...]]:
    """The scenario and what is the engine's, from the words that are not Loadproof's own options.

    Raises ConfigError when there is no scenario among them.
    """
    if locustfile is not None:
        return str(locustfile), tuple(arguments)
    rest = list(arguments)
    for index, word in enumerate(rest):
        if (index == 0 and not word.startswith("-")) or Path(word).suffix in SUFFIXES:
            del rest[index]
            return word, tuple(rest)
    if rest:
        hint = f"give a scenario's file or the name of a test, as in: locustfile.py {' '.join(rest)}"
        raise ConfigError(Problem(f"there is no scenario among: {' '.join(rest)}", hint=hint))
    return None, ()
