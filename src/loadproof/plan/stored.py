"""A Plan as JSON for the run file, and back: enough to judge again, offline, without any secret."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from loadproof.errors import Problem
from loadproof.model import (
    ConsistencyCheck,
    EngineOptions,
    EngineTraits,
    OneOfSeveral,
    Operator,
    Plan,
    Profile,
    ProfileKind,
    Requirement,
    RunOptions,
    Stage,
    Statistic,
    Subject,
    Unit,
)
from loadproof.plan.watching import secrets_in
from loadproof.safety.redact import (
    Redactor,
    redact_args,
    redact_env,
    redact_text,
    redact_url,
    redact_value,
    secrets_of,
)

T = TypeVar("T", RunOptions, EngineOptions)


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """JSON values only. Passwords in the target, secret variables and arguments are `***`."""
    redactor = Redactor(secrets_of(dict(plan.env), (plan.target, *plan.engine_args)))
    target = None if plan.target is None else redact_url(plan.target)
    return {
        "name": plan.name,
        "scenario": str(plan.scenario),
        "further": [str(file) for file in plan.further],
        **_several_to_json(plan.several),
        "engine": plan.engine,
        "target": target,
        "profile": profile_to_json(plan.profile),
        "requirements": [requirement_to_json(requirement) for requirement in plan.requirements],
        "engine_args": [redactor.text(arg) for arg in redact_args(plan.engine_args)],
        "env": redact_env(dict(plan.env)),
        "time_scale": plan.time_scale,
        "options": _clean("", _options_to_json(plan)),
        "monitors": clean_settings(plan.monitors),
        "consistency": [
            {"name": check.name, "source": check.source, "settings": clean_settings(check.settings)}
            for check in plan.consistency
        ],
    }


def _several_to_json(several: Sequence[OneOfSeveral]) -> dict[str, Any]:
    if not several:
        return {}
    return {
        "several": [
            {"name": one.name, "start_s": one.start_s, "plan": plan_to_json(one.plan)} for one in several
        ]
    }


def clean_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A monitor's or a check's settings as JSON values, passwords in URLs and in keyword strings hidden."""
    hide = Redactor(secrets_in(settings)).text
    cleaned = {str(key): _clean(str(key), value) for key, value in settings.items()}
    return {key: _in_texts(hide, value) for key, value in cleaned.items()}


def _in_texts(change: Callable[[str], str], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_texts(change, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_texts(change, inner) for inner in value]
    return change(value) if isinstance(value, str) else value


def _options_to_json(plan: Plan) -> dict[str, Any]:
    """Flat, under their fields' names, those that are not as the default is."""
    chosen = {
        field.name: getattr(options, field.name)
        for options in (plan.options, plan.engine_options)
        for field in fields(options)
        if field.name != "token" and getattr(options, field.name) != field.default
    }
    if plan.options.advice:
        chosen["advice"] = [list(astuple(problem)) for problem in plan.options.advice]
    return {
        key: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for key, value in chosen.items()
    }


def _options_from_json(kind: type[T], stored: Mapping[str, Any]) -> T:
    """Those of `stored` that `kind` has a field for. Raises ValueError when one is of another type."""
    given = {field.name: stored[field.name] for field in fields(kind) if field.name in stored}
    if "advice" in given:
        given["advice"] = [Problem(*written) for written in given["advice"]]
    return TypeAdapter(kind).validate_python(given)


def plan_from_json(stored: Mapping[str, Any], engines: Mapping[str, EngineTraits]) -> Plan:
    """The plan that `plan_to_json` stored; keys that this version does not know are left alone.

    `engines` says of which class the engine's own options are.

    Raises:
        ValueError: something is missing or is not what it should be.
    """
    try:
        traits = engines.get(str(stored["engine"]), EngineTraits())
        return Plan(
            name=str(stored["name"]),
            scenario=Path(stored["scenario"]),
            engine=str(stored["engine"]),
            target=None if stored["target"] is None else str(stored["target"]),
            profile=profile_from_json(stored["profile"]),
            requirements=tuple(requirement_from_json(item) for item in stored["requirements"]),
            engine_args=tuple(str(arg) for arg in stored["engine_args"]),
            env=tuple((str(name), str(value)) for name, value in stored["env"].items()),
            time_scale=float(stored["time_scale"]),
            options=_options_from_json(RunOptions, stored["options"]),
            engine_options=_options_from_json(traits.options, stored["options"]),
            # Runs of earlier versions had neither.
            monitors=dict(stored.get("monitors", {})),
            consistency=tuple(
                ConsistencyCheck(str(c["name"]), str(c["source"]), dict(c["settings"]))
                for c in stored.get("consistency", ())
            ),
            further=tuple(Path(file) for file in stored.get("further", ())),
            several=tuple(
                OneOfSeveral(str(one["name"]), float(one["start_s"]), plan_from_json(one["plan"], engines))
                for one in stored.get("several", ())
            ),
        )
    except KeyError as error:
        raise ValueError(f"the stored plan has no {error}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"the stored plan is damaged: {error}") from None


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """Durations in seconds; levels in users, or per second in the open model."""
    return {
        "kind": profile.kind.value,
        "stages": [{"duration_s": stage.duration_s, "target": stage.target} for stage in profile.stages],
        "open_model": profile.open_model,
        "start": profile.start,
    }


def profile_from_json(stored: Mapping[str, Any]) -> Profile:
    """Raises KeyError, TypeError or ValueError when it is no stored profile."""
    return Profile(
        kind=ProfileKind(stored["kind"]),
        stages=tuple(Stage(float(s["duration_s"]), float(s["target"])) for s in stored["stages"]),
        open_model=bool(stored["open_model"]),
        start=float(stored["start"]),
    )


def requirement_to_json(requirement: Requirement) -> dict[str, Any]:
    """The limit is a number, or the text NaN, Infinity or -Infinity, which JSON has no numbers for."""
    limit: float | str = requirement.limit
    if not math.isfinite(requirement.limit):
        limit = "NaN" if math.isnan(requirement.limit) else f"{'-' if requirement.limit < 0 else ''}Infinity"
    return {
        # A name may hold a query with a token in it; what was measured is kept under the redacted name too.
        "id": redact_text(requirement.id),
        "text": redact_text(requirement.text),
        "source": requirement.source,
        "subject": requirement.subject.value,
        "statistic": requirement.statistic.value,
        "operator": requirement.operator.value,
        "limit": limit,
        "unit": requirement.unit.value,
        "quantile": requirement.quantile,
        "endpoint": None if requirement.endpoint is None else redact_text(requirement.endpoint),
        "metric": requirement.metric,
        "window": requirement.window,
        "within_s": requirement.within_s,
        "strict": requirement.strict,
        "warm_up_s": requirement.warm_up_s,
    }


def requirement_from_json(stored: Mapping[str, Any]) -> Requirement:
    """Raises KeyError, TypeError or ValueError when it is no stored requirement."""
    quantile = stored["quantile"]
    endpoint = stored["endpoint"]
    return Requirement(
        id=str(stored["id"]),
        text=str(stored["text"]),
        source=str(stored["source"]),
        subject=Subject(stored["subject"]),
        statistic=Statistic(stored["statistic"]),
        operator=Operator(stored["operator"]),
        limit=float(stored["limit"]),
        unit=Unit(stored["unit"]),
        quantile=None if quantile is None else float(quantile),
        endpoint=None if endpoint is None else str(endpoint),
        metric=str(stored["metric"]),
        window=str(stored.get("window", "")),
        within_s=None if stored.get("within_s") is None else float(stored["within_s"]),
        strict=bool(stored.get("strict")),
        warm_up_s=float(stored.get("warm_up_s") or 0.0),
    )


def _clean(name: str, value: Any) -> Any:
    """An engine's options as JSON values, texts redacted by their key and their look."""
    if isinstance(value, dict):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(name, inner) for inner in value]
    if isinstance(value, str):
        return redact_value(name, value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return redact_value(name, str(value))
