"""`monitors` and `consistency` in `loadproof.yaml`: what to watch, and what must stay true of the data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from loadproof.errors import WrongValueError
from loadproof.model import Plan
from loadproof.safety.known import secrets_of, secrets_of_arguments, secrets_of_environment
from loadproof.safety.redact import is_secret_name
from loadproof.units import parse_duration

MOST_SERIES: Final = 500
"""Series kept of one /metrics page, unless told otherwise."""
_KEYWORD_PASSWORD = re.compile(
    r"(?:^|\s)(?:password|passwd|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def many(value: Any) -> Any:
    """`false` is none, nothing or `true` is what is found by itself, one mapping or URL is a list of one."""
    if value is None or value is True:
        return None
    if value is False:
        return []
    items = value if isinstance(value, list) else [value]
    return [{"url": item} if isinstance(item, str) else item for item in items]


def _several(kind: type[BaseModel]) -> BeforeValidator:
    """`many`, and how it is written."""
    written: Any = bool | str | kind | list[kind | str] | None  # type: ignore[valid-type]
    return BeforeValidator(many, json_schema_input_type=written)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _one_of(section: BaseModel, *names: str) -> None:
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        raise WrongValueError(f"names {len(given) or 'none'} of {', '.join(names)}", "name exactly one")


class HostConfig(_Section):
    """The machine: this one, or another through its node_exporter."""

    node_exporter: str | None = Field(
        None, description="URL of a node_exporter's `/metrics`. Default: this machine itself."
    )


class ProcessConfig(_Section):
    """A process on this machine, its children included; exactly one key says which."""

    pid: Annotated[int, Field(ge=1)] | None = Field(None, description="Its process id.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="The port it listens on.")
    name: str | None = Field(None, description="Its program's name, as `ps -e` shows it.")
    command: str | None = Field(None, description="A part of its command line.")
    container: str | None = Field(None, description="The name of its Docker container.")

    @model_validator(mode="after")
    def _which(self) -> ProcessConfig:
        _one_of(self, "pid", "port", "name", "command", "container")
        return self


class PrometheusConfig(_Section):
    """A `/metrics` page, scraped directly."""

    url: str = Field(description="Its URL.")
    most_series: Annotated[int, Field(ge=1, le=2_000)] = Field(
        MOST_SERIES, description="Series kept; the rest is left out, and said so."
    )


class PromqlConfig(_Section):
    """A Prometheus server, asked in PromQL. Requirements that begin with `promql:` are asked there, too."""

    url: str = Field(description="The server's URL, as `http://prometheus:9090`.")
    queries: dict[str, str] = Field(default_factory=dict, description="Queries by the name of their series.")


class DatabaseConfig(_Section):
    """A database server. One connection is used."""

    url: str | None = Field(None, description="Connection URL; better in a variable than in this file.")
    url_env: str | None = Field(None, description="The environment variable that holds the URL.")

    @model_validator(mode="after")
    def _which(self) -> DatabaseConfig:
        _one_of(self, "url", "url_env")
        return self


class MonitorsConfig(_Section):
    """What to watch. Each kind takes `false` (do not), one mapping, a list of them, or a URL alone."""

    discover: bool = Field(
        True, description="Look for the process, `/metrics` and database of a target on this machine."
    )
    host: Annotated[list[HostConfig] | None, _several(HostConfig)] = Field(
        None, description="CPU, memory, disk, network. Default: this machine, if the target is on it."
    )
    process: Annotated[list[ProcessConfig] | None, _several(ProcessConfig)] = Field(
        None, description="CPU, memory, descriptors. Default: what listens on the target's port."
    )
    prometheus: Annotated[list[PrometheusConfig] | None, _several(PrometheusConfig)] = Field(
        None, description="Default: the target's own `/metrics`, if it has one."
    )
    promql: Annotated[list[PromqlConfig] | None, _several(PromqlConfig)] = Field(
        None, description="A Prometheus server. Default: none."
    )
    postgres: Annotated[list[DatabaseConfig] | None, _several(DatabaseConfig)] = Field(
        None, description="Default: the PostgreSQL in the environment of the target's process."
    )
    redis: Annotated[list[DatabaseConfig] | None, _several(DatabaseConfig)] = Field(
        None, description="Default: the Redis in the environment of the target's process."
    )
    mysql: Annotated[list[DatabaseConfig] | None, _several(DatabaseConfig)] = Field(
        None, description="Default: the MySQL in the environment of the target's process."
    )


class CheckConfig(_Section):
    """One check of the data, before and after the load."""

    sql: str | None = Field(
        None, description="One SELECT with one value; without `equals`, the same before and after."
    )
    http: str | None = Field(
        None, description="A URL or path of the target; without `equals`, the same body before and after."
    )
    rows: str | None = Field(
        None, description="SELECT that counts rows: one for each request that `acknowledged` counts."
    )
    acknowledged: str | None = Field(
        None, description="With `rows`: the endpoint whose answered requests each write one row."
    )
    duplicates: str | None = Field(
        None, description="With `rows`: SELECT that counts rows which are there more than once."
    )
    equals: str | int | float | bool | None = Field(None, description="The answer that it must have.")
    status: Annotated[int, Field(ge=100, le=599)] = Field(
        200, description="With `http`: the status that the answer must have."
    )
    database: str | None = Field(
        None, description="Environment variable with the database's URL. Default: the one that is watched."
    )
    settle: Annotated[
        float, Field(ge=0, le=600), BeforeValidator(_duration, json_schema_input_type=float | str)
    ] = Field(0.0, description="How long after the load the answer may take to become right, as `10s`.")

    @model_validator(mode="after")
    def _whole(self) -> CheckConfig:
        _one_of(self, "sql", "http", "rows")
        if (self.rows is None) != (self.acknowledged is None):
            raise WrongValueError("rows and acknowledged belong together", "write both")
        if self.duplicates is not None and self.rows is None:
            raise WrongValueError("duplicates belongs to rows", "write rows and acknowledged, too")
        return self


def secrets_of_plan(plan: Plan) -> tuple[str, ...]:
    """Every exact value of a plan that nobody may read: in its variables, target and arguments, and in the
    variables of this process, which its scenario may repeat.
    """
    own = [
        secret
        for one in (plan, *(one.plan for one in plan.several))
        for secret in (*secrets_of(dict(one.env), (one.target,)), *secrets_of_arguments(one.engine_args))
    ]
    return (*own, *secrets_of_environment(os.environ))


def secrets_in(settings: Any, name: str = "") -> Iterator[str]:
    """Every exact value in settings that nobody may read: passwords of URLs and of keyword strings."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from secrets_in(value, str(key))
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from secrets_in(value, name)
    elif isinstance(settings, str):
        if is_secret_name(name):
            yield settings
        yield from secrets_of({}, (settings,))
        yield from (match[1].strip("'") for match in _KEYWORD_PASSWORD.finditer(settings))
        yield from re.findall(r"[?&]password=([^&\s]+)", settings)
