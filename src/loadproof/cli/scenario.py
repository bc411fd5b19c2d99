"""A request as options on the command line: a row of plan/request.py each."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from loadproof.engines import SUFFIXES
from loadproof.errors import ConfigError, Problem
from loadproof.plan import PlanRequest
from loadproof.plan.request import flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

R = TypeVar("R", bound=PlanRequest)

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
    Path | None,
    typer.Option("--locustfile", "-f", help="The scenario, as Locust's own command line takes it."),
]


def with_request(kind: type[R]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give `verb(request, **own)` the options of a request on the command line, in front of its own."""
    shared = [
        inspect.Parameter("arguments", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Scenario),
        inspect.Parameter("locustfile", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Locustfile),
        *options_of(kind),
    ]
    names = [parameter.name for parameter in shared[2:]]

    def decorate(verb: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(verb, eval_str=True)

        @functools.wraps(verb)
        def command(arguments: list[str] | None, locustfile: Path | None, **values: object) -> int:
            scenario, engine_args = split_arguments(arguments or [], locustfile)
            read = {name: values.pop(name) for name in names}
            given = {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}
            request = kind(scenario, engine_args=engine_args, **given)  # type: ignore[arg-type]
            return verb(request, **values)

        kept = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(own.parameters.values())[1:]
        ]
        parameters = [*shared, *kept]
        command.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def options_of(kind: type) -> Iterator[inspect.Parameter]:
    """The options of a request, as parameters of a verb."""
    for name, default, flag in flags_of(kind):
        option = typer.Option(*flag.names, help=flag.says)
        reads: object = flag.reads if flag.reads is bool else flag.reads | None
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=[] if flag.many else default,
            annotation=Annotated[list[flag.reads] if flag.many else reads, option],  # type: ignore[name-defined]
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
