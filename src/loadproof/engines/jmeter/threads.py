"""Thread groups: the users that a plan plans over time, and the properties by which that can be changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from loadproof.engines.jmeter.curves import curve_of, endless, sum_of
from loadproof.errors import Problem
from loadproof.model import Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from loadproof.engines.jmeter.plan_file import Element, Node, PlanFile
    from loadproof.engines.jmeter.values import Values

OUTSIDE: Final = ("SetupThreadGroup", "PostThreadGroup")
OPEN_MODEL: Final = "OpenModelThreadGroup"
CONCURRENCY: Final = "ConcurrencyThreadGroup"
ULTIMATE: Final = "UltimateThreadGroup"
ARRIVALS: Final = "ArrivalsThreadGroup"
FREE_FORM: Final = "FreeFormArrivalsThreadGroup"
_GROUPS: Final = (
    "ThreadGroup",
    OPEN_MODEL,
    CONCURRENCY,
    ULTIMATE,
    ARRIVALS,
    "SteppingThreadGroup",
    FREE_FORM,
)
_STEP = re.compile(
    r"(rate|random_arrivals|even_arrivals|pause)\s*\(\s*([\d.]+)\s*(?:/?\s*([a-z]+))?\s*\)", re.IGNORECASE
)
_UNITS: Final = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0,
                 "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
                 "d": 86400.0, "day": 86400.0, "days": 86400.0}  # fmt: skip


def groups_of(plan: PlanFile) -> list[Element]:
    """The groups whose users are the load; set-up and tear-down are none of it."""
    return plan.of(*_GROUPS)


def outside_names(plan: PlanFile) -> frozenset[str]:
    """Names of set-up and tear-down groups that no group of the load has as well."""
    own = {group.label for group in groups_of(plan)}
    return frozenset(group.label for group in plan.of(*OUTSIDE)) - own


def own_profile(plan: PlanFile, values: Values) -> Profile | None:
    """The load that the plan itself plans; None when nobody can say, as with loops."""
    groups = groups_of(plan)
    if not groups or any(e.flag("TestPlan.serialize_threadgroups") for e in plan.of("TestPlan")):
        return None
    curves = []
    for group in groups:
        curve = curve_of(group, values)
        if curve is None:
            return None
        curves.append(curve)
    return sum_of(curves)


def open_profile(group: Element, values: Values) -> Profile | None:
    """The arrivals of a schedule such as "rate(20/sec) random_arrivals(6 sec)"; None when it is not known."""
    text = values.resolve(group.text("OpenModelThreadGroup.schedule"))
    if text is None:
        return None
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    steps = [(m[1].lower(), float(m[2]), _UNITS.get((m[3] or "s").lower())) for m in _STEP.finditer(text)]
    if not steps or _STEP.sub("", text).strip():
        return None
    stages: list[Stage] = []
    level = start = steps[0][1] / (steps[0][2] or 1.0) if steps[0][0] == "rate" else 0.0
    for index, (word, number, unit_s) in enumerate(steps):
        if unit_s is None:
            return None
        if word == "rate":
            # Right after arrivals this is the rate at the end of their line; elsewhere the rate jumps to it.
            if index and steps[index - 1][0] in ("rate", "pause"):
                stages.append(Stage(0.0, number / unit_s))
            level = number / unit_s
        elif word == "pause":
            stages += [Stage(0.0, 0.0), Stage(number * unit_s, 0.0), Stage(0.0, level)]
        else:
            following = steps[index + 1] if index + 1 < len(steps) else ("", 0.0, None)
            reached = following[1] / (following[2] or 1.0) if following[0] == "rate" else level
            stages.append(Stage(number * unit_s, reached))
    while stages and stages[-1].duration_s == 0:
        stages.pop()
    return Profile(ProfileKind.SCENARIO, tuple(stages), open_model=True, start=start) if stages else None


def arrivals_profile(group: Element, values: Values) -> Profile | None:
    """The arrivals of an Arrivals Thread Group; None when they are not known."""
    unit_s = 60.0 if group.text("Unit") == "M" else 1.0
    texts = (group.text(name) or "0" for name in ("TargetLevel", "RampUp", "Hold"))
    level, ramp, hold = (values.number(text) for text in texts)
    if level is None or ramp is None or hold is None:
        return None
    rate_per_s = level / unit_s
    stages = [Stage(ramp * unit_s, rate_per_s)] if ramp else []
    stages += [Stage(hold * unit_s, rate_per_s)] if hold else []
    start = 0.0 if ramp else rate_per_s
    return Profile(ProfileKind.SCENARIO, tuple(stages), open_model=True, start=start) if stages else None


def free_form_profile(group: Element, values: Values) -> Profile | None:
    """The arrivals of a Free-Form Arrivals Thread Group; None when they are not known."""
    unit_s = 60.0 if group.text("Unit") == "M" else 1.0
    return table_profile(group.property("Schedule"), values, unit_s)


def table_profile(table: Node | None, values: Values, unit_s: float = 1.0) -> Profile | None:
    """Arrivals by a table: in each row a rate, the rate that it moves to, and how long that takes.

    None when one of them is not known. `unit_s`: what rates are per and lengths are in.
    """
    stages: list[Stage] = []
    start = level = 0.0
    for row in table.children if table is not None else ():
        numbers = [values.number(cell.text.strip()) for cell in row.children]
        known = [number for number in numbers if number is not None]
        if len(known) != 3 or len(numbers) != 3:
            return None
        begin, end, length = known[0] / unit_s, known[1] / unit_s, known[2] * unit_s
        if not stages:
            start = begin
        elif begin != level:
            stages.append(Stage(0.0, begin))
        stages.append(Stage(length, end))
        level = end
    return Profile(ProfileKind.SCENARIO, tuple(stages), open_model=True, start=start) if stages else None


def own_curve_profile(group: Element, values: Values) -> Profile | None:
    """The users of one group over time; None when nobody can say."""
    curve = curve_of(group, values)
    return sum_of([curve]) if curve is not None else None


def properties_for(plan: PlanFile, values: Values, profile: Profile) -> tuple[dict[str, str], list[Problem]]:
    """The properties that make the plan play `profile`, or the lines that keep it from that."""
    groups = groups_of(plan)
    if not groups:
        return {}, [Problem("the plan has no thread group", str(plan.path))]
    if profile.open_model:
        return _open_properties(groups, values, profile)
    shape = _shape(profile)
    if shape is None:
        hint = (
            "a thread group goes up once and holds, as with --users 50 --run-time 5m; for another load let "
            "the plan have an Ultimate or an Open Model Thread Group of its own, and give no profile"
        )
        message = f"a JMeter thread group cannot play a {profile.kind} profile"
        return {}, [Problem(message, groups[0].where, hint)]
    users, ramp_s, length_s = shape
    if users % len(groups):
        hint = f"give a multiple of {len(groups)}, or no profile: -J and the plan's own properties"
        message = f"{users:g} users cannot be shared evenly by {len(groups)} thread groups"
        return {}, [Problem(message, str(plan.path), hint)]
    wanted = {"users": users / len(groups), "ramp": ramp_s, "duration": length_s}
    properties: dict[str, str] = {}
    problems: list[Problem] = []
    for group in groups:
        found, wrong = _group_properties(group, values, wanted)
        properties |= found
        problems += wrong
    return properties, problems


_NAMES: Final = {
    "ThreadGroup": {
        "users": "ThreadGroup.num_threads", "ramp": "ThreadGroup.ramp_time",
        "duration": "ThreadGroup.duration",
    },
    CONCURRENCY: {"users": "TargetLevel", "ramp": "RampUp", "duration": "Hold"},
}  # fmt: skip
_SUGGESTED: Final = {"users": "users", "ramp": "rampup", "duration": "duration"}


def _group_properties(
    group: Element, values: Values, wanted: dict[str, float]
) -> tuple[dict[str, str], list[Problem]]:
    names = _NAMES.get(group.simple_kind)
    if names is None:
        hint = "use a Thread Group or a Concurrency Thread Group, or leave the load to the plan"
        message = f"the users of a {group.simple_kind} ('{group.label}') cannot be set from outside"
        return {}, [Problem(message, group.where, hint)]
    wanted = dict(wanted)
    if group.simple_kind == CONCURRENCY:
        wanted["duration"] -= wanted["ramp"]
        unit = 60.0 if group.text("Unit") == "M" else 1.0
        wanted |= {"ramp": wanted["ramp"] / unit, "duration": wanted["duration"] / unit}
    properties: dict[str, str] = {}
    problems = []
    for key, name in names.items():
        written = group.text(name)
        if values.number(written or "0") == wanted[key]:
            continue
        read = values.property_of(written)
        if read is None:
            suggestion = f"${{__P({_SUGGESTED[key]},{written or 0})}}"
            hint = f"write {suggestion} for {written or 'nothing'} in {name} of group '{group.label}'"
            message = f"the plan does not read its {key} from a property"
            problems.append(Problem(message, f"{group.file}:{group.line_of(name)}", hint))
        else:
            properties[read.name] = f"{wanted[key]:.10g}"
    if group.simple_kind == "ThreadGroup":
        problems += _without_end(group, values)
    return properties, problems


def _without_end(group: Element, values: Values) -> list[Problem]:
    """What keeps a plain thread group from going on for a given time."""
    problems = []
    if not group.flag("ThreadGroup.scheduler"):
        where = f"{group.file}:{group.line_of('ThreadGroup.scheduler')}"
        hint = f"write true for it in group '{group.label}' (\"Specify Thread lifetime\" in JMeter's window)"
        problems.append(Problem("ThreadGroup.scheduler is off: the group ignores its duration", where, hint))
    if not endless(group, values):
        where = f"{group.file}:{group.line_of('ThreadGroup.main_controller')}"
        hint = f"write -1 for LoopController.loops of group '{group.label}' (\"Infinite\" in JMeter's window)"
        problems.append(Problem("the group ends after its loops, whatever its duration", where, hint))
    return problems


def _shape(profile: Profile) -> tuple[float, float, float] | None:
    """Users, ramp and whole length in seconds of a profile that goes up once and holds; None for others."""
    stages = [stage for stage in profile.stages if stage.duration_s > 0]
    if profile.start:
        level = profile.start
        if any(stage.target != level for stage in profile.stages):
            return None
        return level, 0.0, profile.duration_s
    if not stages:
        return None
    ramp, holds = stages[0], stages[1:]
    if any(stage.target != ramp.target for stage in holds):
        return None
    return ramp.target, ramp.duration_s, profile.duration_s


def _open_properties(
    groups: list[Element], values: Values, profile: Profile
) -> tuple[dict[str, str], list[Problem]]:
    if len(groups) != 1 or groups[0].simple_kind != OPEN_MODEL:
        hint = (
            "let the plan have one Open Model Thread Group with ${__P(schedule,...)} as its schedule, "
            "or load by users: --users N"
        )
        message = "arrivals per second need an Open Model Thread Group"
        return {}, [Problem(message, groups[0].where, hint)]
    group = groups[0]
    name = "OpenModelThreadGroup.schedule"
    read = values.property_of(group.text(name))
    if read is None:
        hint = f"write ${{__P(schedule,{group.text(name)})}} for the schedule of group '{group.label}'"
        return {}, [
            Problem(
                "the plan does not read its schedule from a property",
                f"{group.file}:{group.line_of(name)}",
                hint,
            )
        ]
    return {read.name: schedule_of(profile)}, []


def schedule_of(profile: Profile) -> str:
    """A profile of arrivals in the words of the Open Model Thread Group."""
    words = [f"rate({profile.start:.10g}/sec)"]
    for stage in profile.stages:
        if stage.duration_s > 0:
            words.append(f"even_arrivals({stage.duration_s:.10g} sec)")
        words.append(f"rate({stage.target:.10g}/sec)")
    return " ".join(words)
