"""A Plan as JSON for the run file, and back: enough to judge again, offline, without any secret."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, astuple, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from loadproof.errors import Problem
from loadproof.model import (
    ConsistencyCheck,
    EngineOptions,
    EngineTraits,
    OneOfSeveral,
    Plan,
    Profile,
    Requirement,
    RunOptions,
)
from loadproof.plan.watching import secrets_in, secrets_of_plan
from loadproof.safety.known import Redactor
from loadproof.safety.redact import (
    redact_args,
    redact_env,
    redact_text,
    redact_url,
    redact_value,
)

T = TypeVar("T", RunOptions, EngineOptions)
_PROFILE = TypeAdapter(Profile)
_REQUIREMENT = TypeAdapter(Requirement)
_OPTIONAL = {field.name for field in fields(Requirement) if field.default is not MISSING}


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """JSON values only. Passwords in the target, secret variables and arguments are `***`."""
    redactor = Redactor(secrets_of_plan(plan))
    target = None if plan.target is None else redact_url(plan.target)
    return {
        "name": plan.name,
        "scenario": str(plan.scenario),
        "further": [str(file) for file in plan.further],
        **_several_to_json(plan.several),
        "engine": plan.engine,
        "target": target,
        "profile": _PROFILE.dump_python(plan.profile, mode="json"),
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
            profile=_PROFILE.validate_python(stored["profile"]),
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
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise ValueError(f"the stored plan is damaged: {where}: {wrong['msg']}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"the stored plan is damaged: {error}") from None


def requirement_to_json(requirement: Requirement) -> dict[str, Any]:
    """The limit is a number, or the text NaN, Infinity or -Infinity, which JSON has no numbers for."""
    stored: dict[str, Any] = _REQUIREMENT.dump_python(requirement, mode="json")
    if not math.isfinite(requirement.limit):
        stored["limit"] = (
            "NaN" if math.isnan(requirement.limit) else f"{'-' if requirement.limit < 0 else ''}Infinity"
        )
    # A name may hold a query with a token in it; what was measured is kept under the redacted name too.
    hidden = {key: redact_text(stored[key]) for key in ("id", "text", "endpoint") if stored[key] is not None}
    return stored | hidden


def requirement_from_json(stored: Mapping[str, Any]) -> Requirement:
    """Raises ValueError when it is no stored requirement.

    Runs of earlier versions had fewer fields, or null where a field has a default now.
    """
    if isinstance(stored, Mapping):
        stored = {key: value for key, value in stored.items() if value is not None or key not in _OPTIONAL}
    return _REQUIREMENT.validate_python(stored)


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
