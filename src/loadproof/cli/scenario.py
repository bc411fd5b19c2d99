"""A request as options on the command line: a row of plan/request.py each."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from loadproof.cli.engine_words import ENGINE_CONFIG
from loadproof.engines.table import SUFFIXES
from loadproof.errors import ConfigError, EngineError, LoadproofError, Problem
from loadproof.plan import PlanRequest
from loadproof.plan.request import flags_of

R = TypeVar("R", bound=PlanRequest)

_DECLARES_ENV: Final = re.compile(r"""add_argument\(\s*(?:["']-\w["'],\s*)?["']--env["']""")
_NEAR: Final = 0.75
"""How like each other a word and an option are, from 0 to 1, before the one is taken for the other."""
_ELSEWHERE: Final = {
    "--vus": "--users", "--concurrency": "--users", "--connections": "--users", "--duration": "--run-time",
    "--rps": "--rate, such as --rate 50/s", "--qps": "--rate, such as --rate 50/s", "--url": "--target",
    "--threshold": "--requirements FILE", "--thresholds": "--requirements FILE", "-R": "--requirements FILE",
    "-o": "--html FILE or --json FILE", "--output": "--html FILE or --json FILE",
    "--verbose": "--loglevel DEBUG, Locust's own", "-v": "--loglevel DEBUG, Locust's own",
}  # fmt: skip
"""Options of other load generators, and what says the same."""
_Scenario = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENARIO",
        help="A locustfile (.py), a k6 script (.js, .ts), a JMeter plan (.jmx) or the name of a test in "
        "loadproof.yaml. Options that are not listed here go to Locust, k6 or JMeter as they are.",
        show_default=False,
    ),
]
_Locustfile = Annotated[
    list[str] | None,
    typer.Option(
        "--locustfile",
        "-f",
        help="The scenario, as Locust's own command line takes it: a file, several with commas, or a folder.",
    ),
]


_GROUPS: Final = {
    "The test": ("target", "engine", "env", "session", "name", "config", "slow", "probe"),
    "Load": ("users", "spawn_rate", "run_time", "rate", "profile", "stages", "max_users", "arrivals",
             "time_scale", "warm_up", "stop_on"),
    "Verdict": ("requirements", "require_verdict", "routes"),
    "Against a baseline": ("baseline", "baseline_must_settle", "gates", "tolerance", "error_tolerance",
                           "accept", "fail"),
    "Other machines": ("expect_workers", "bind", "token"),
    "What may be loaded": ("environment", "allow_production"),
    "Reports": ("html", "junit", "markdown", "json", "svg", "github", "others", "strict"),
    "Files and figures": ("run_file", "live", "live_at", "open_live", "metrics_port", "otlp", "csv",
                          "summary_export"),
}  # fmt: skip
"""Titles of `--help`, and the fields of a request below each."""
_GROUP_OF: Final = {field: title for title, fields in _GROUPS.items() for field in fields}


def with_request(
    kind: type[R], hidden: Container[str] = ()
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give `verb(request, **own)` the options of a request on the command line, in front of its own.

    `hidden`: fields that the verb refuses with a word of its own; `--help` does not list them.
    """
    shared = [
        inspect.Parameter("arguments", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Scenario),
        inspect.Parameter("locustfile", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Locustfile),
        *options_of(kind, hidden),
    ]
    names = [parameter.name for parameter in shared[2:]]

    def decorate(verb: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(verb, eval_str=True)

        @functools.wraps(verb)
        def command(arguments: list[str] | None, locustfile: list[str] | None, **values: object) -> int:
            scenario, engine_args = split_arguments(arguments or [], locustfile or ())
            engine_args = tuple(word.replace(f"{ENGINE_CONFIG}=", "--config=", 1) for word in engine_args)
            given = _tuples({name: values.pop(name) for name in names})
            if given.get("env"):
                given["env"], words = own_env(scenario, given["env"])
                engine_args = (*words, *engine_args)
            request = kind(scenario, engine_args=engine_args, **given)
            try:
                return verb(request, **values)
            except (ConfigError, EngineError) as error:
                raise _misspelt(error, engine_args, parameters) or error from None

        kept = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(own.parameters.values())[1:]
        ]
        parameters = [*shared, *kept]
        return _with_parameters(command, parameters)

    return decorate


def with_options(kind: type, name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a verb the options of a request on the command line, in place of its argument of that name."""
    shared = list(options_of(kind))

    def decorate(verb: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(verb, eval_str=True)

        @functools.wraps(verb)
        def command(*arguments: object, **values: object) -> int:
            read = {option.name: values.pop(option.name) for option in shared}
            return verb(*arguments, **values, **{name: kind(**_tuples(read))})

        kept = [parameter for parameter in own.parameters.values() if parameter.name != name]
        return _with_parameters(command, [*kept, *shared])

    return decorate


def _tuples(read: Mapping[str, object]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}


def _with_parameters(
    command: Callable[..., int], parameters: Sequence[inspect.Parameter]
) -> Callable[..., int]:
    """As Typer looks at a function."""
    command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def own_env(scenario: object, given: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables of `--env`, and the words of an option that the locustfile declares by this name.

    Its values have no '='. Where it declares none they stay: they are a mistake, and may be a secret.
    """
    bare = [item for item in given if "=" not in item]
    if not bare or not str(scenario).endswith(".py"):
        return given, ()
    try:
        text = Path(str(scenario)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return given, ()  # whoever loads it says so
    if not _DECLARES_ENV.search(text):
        return given, ()
    return tuple(item for item in given if "=" in item), ("--env", bare[-1])


def _misspelt(
    error: LoadproofError, engine_args: Sequence[str], parameters: Sequence[inspect.Parameter]
) -> ConfigError | None:
    """The error of an engine that refuses an option which nearly is one of Loadproof's, in those words."""
    said = " ".join(problem.message for problem in error.problems)
    own = [name for parameter in parameters for name in _flags(parameter)]
    for word in engine_args:
        name = word.partition("=")[0]
        if name in _ELSEWHERE and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said):
            return ConfigError(Problem(f"there is no option {name}", hint=f"here it is {_ELSEWHERE[name]}"))
        near = difflib.get_close_matches(name, own, n=1, cutoff=_NEAR)
        if (
            name.startswith("--")
            and near
            and near[0] != name
            and re.search(rf"{re.escape(name)}(?![\w-])", said)
        ):
            hint = f"did you mean {near[0]}? It is no option of the engine either"
            return ConfigError(Problem(f"there is no option {name}", hint=hint))
    return None


def _flags(parameter: inspect.Parameter) -> list[str]:
    """ "--users", "-u" of an option; nothing of an argument."""
    # Typer takes the first name for a default, until the parser is made.
    infos = getattr(parameter.annotation, "__metadata__", ())
    given = [name for info in infos for name in (info.default, *(info.param_decls or ()))]
    return [name for name in given if isinstance(name, str) and name.startswith("-")]


def options_of(kind: type, hidden: Container[str] = ()) -> Iterator[inspect.Parameter]:
    """The options of a request, as parameters of a verb, in the order of `--help`."""
    order = list(_GROUP_OF)
    for name, default, flag in sorted(
        flags_of(kind), key=lambda one: order.index(one[0]) if one[0] in _GROUP_OF else -1
    ):
        option = typer.Option(
            *flag.names, help=flag.says, rich_help_panel=_GROUP_OF.get(name), hidden=name in hidden
        )
        reads: object = flag.reads if flag.reads is bool else flag.reads | None
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=[] if flag.many else default,
            annotation=Annotated[list[flag.reads] if flag.many else reads, option],  # type: ignore[name-defined]
        )


def split_arguments(
    arguments: Sequence[str], locustfiles: Sequence[str] = ()
) -> tuple[str | None, tuple[str, ...]]:
    """The scenario and what is the engine's, from the words that are not Loadproof's own options.

    Several locustfiles are joined by commas, as Locust itself takes them. None: no scenario is among them.
    """
    if locustfiles:
        return ",".join(locustfiles), tuple(arguments)
    rest = list(arguments)
    files = [word for word in rest if Path(word).suffix in SUFFIXES and not word.startswith("-")]
    if files:
        together = files if all(Path(word).suffix == Path(files[0]).suffix for word in files) else files[:1]
        return ",".join(together), tuple(word for word in rest if word not in together)
    if rest and not rest[0].startswith("-"):
        return rest[0], tuple(rest[1:])
    return None, tuple(rest)
