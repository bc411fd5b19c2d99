"""Thread groups: the users that a plan plans over time, and the properties by which that can be changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loadproof.errors import Problem
from loadproof.model import Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from loadproof.engines.jmeter.plan_file import Element, PlanFile
    from loadproof.engines.jmeter.values import Values

OUTSIDE: Final = ("SetupThreadGroup", "PostThreadGroup")
OPEN_MODEL: Final = "OpenModelThreadGroup"
CONCURRENCY: Final = "ConcurrencyThreadGroup"
ULTIMATE: Final = "UltimateThreadGroup"
ARRIVALS: Final = "ArrivalsThreadGroup"
_GROUPS: Final = ("ThreadGroup", OPEN_MODEL, CONCURRENCY, ULTIMATE, ARRIVALS, "SteppingThreadGroup",
                  "FreeFormArrivalsThreadGroup")  # fmt: skip
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
        curve = _curve(group, values)
        if curve is None:
            return None
        curves.append(curve)
    return _sum_of(curves)


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
            # Right after arrivals it is where their line ends; elsewhere the rate jumps to it.
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


def own_curve_profile(group: Element, values: Values) -> Profile | None:
    """The users of one group over time; None when nobody can say."""
    curve = _curve(group, values)
    return _sum_of([curve]) if curve is not None else None


@dataclass(frozen=True, slots=True)
class _Curve:
    """Users of one group: corners of a line by time, in order."""

    corners: tuple[tuple[float, float], ...]

    def at(self, time_s: float, *, after: bool) -> float:
        """Users at a moment; `after` tells which side of a jump."""
        level = 0.0
        for index, (corner_s, users) in enumerate(self.corners):
            if corner_s > time_s or (corner_s == time_s and not after):
                if index and corner_s != time_s:
                    before_s, before = self.corners[index - 1]
                    share = (time_s - before_s) / (corner_s - before_s)
                    return before + (users - before) * share
                return level if index == 0 or corner_s != time_s else users
            level = users
        return level


def _curve(group: Element, values: Values) -> _Curve | None:
    match group.simple_kind:
        case "ThreadGroup":
            return _plain_curve(group, values)
        case "ConcurrencyThreadGroup":
            return _concurrency_curve(group, values)
        case "UltimateThreadGroup":
            return _ultimate_curve(group, values)
        case _:
            return None


def _plain_curve(group: Element, values: Values) -> _Curve | None:
    users = values.number(group.text("ThreadGroup.num_threads"))
    ramp_s = values.number(group.text("ThreadGroup.ramp_time") or "0")
    duration_s = values.number(group.text("ThreadGroup.duration"))
    delay_s = values.number(group.text("ThreadGroup.delay") or "0")
    if users is None or ramp_s is None or not group.flag("ThreadGroup.scheduler"):
        return None
    if (
        not duration_s
        or delay_s is None
        or not endless(group, values)
        or group.flag("ThreadGroup.delayedStart")
    ):
        return None
    return _trapezium(
        delay_s, min(ramp_s, duration_s), duration_s, users * min(1.0, duration_s / (ramp_s or 1))
    )


def _trapezium(delay_s: float, ramp_s: float, length_s: float, users: float) -> _Curve:
    corners = [
        (delay_s, 0.0),
        (delay_s + ramp_s, users),
        (delay_s + length_s, users),
        (delay_s + length_s, 0.0),
    ]
    return _Curve(tuple(corners))


def endless(group: Element, values: Values) -> bool:
    """Whether its users go on until their time is over."""
    controller = group.property("ThreadGroup.main_controller")
    if controller is None:
        return False
    found = {child.name: child.text.strip() for child in controller.children}
    # Where it is not written, JMeter goes on for ever after the loops.
    for_ever = found.get("LoopController.continue_forever", "true").lower() == "true"
    return for_ever or values.number(found.get("LoopController.loops", "1")) == -1


def _concurrency_curve(group: Element, values: Values) -> _Curve | None:
    unit = 60.0 if group.text("Unit") == "M" else 1.0
    texts = (group.text(name) or "0" for name in ("TargetLevel", "RampUp", "Steps", "Hold"))
    users, ramp, steps, hold = (values.number(text) for text in texts)
    if users is None or ramp is None or steps is None or hold is None:
        return None
    ramp_s, hold_s = ramp * unit, hold * unit
    corners = [(0.0, 0.0)]
    if steps >= 1 and ramp_s > 0:
        # Each step begins with its users; the last of them lasts into the hold.
        for number in range(1, int(steps) + 1):
            level, begin_s = users * number / steps, ramp_s * (number - 1) / steps
            corners += [(begin_s, level), (ramp_s * number / steps, level)]
    else:
        corners.append((ramp_s, users))
    return _Curve((*corners, (ramp_s + hold_s, users), (ramp_s + hold_s, 0.0)))


def _ultimate_curve(group: Element, values: Values) -> _Curve | None:
    rows = group.property("ultimatethreadgroupdata")
    curves = []
    for row in rows.children if rows is not None else ():
        numbers = [values.number(cell.text.strip()) for cell in row.children]
        known = [number for number in numbers if number is not None]
        if len(known) != 5:
            return None
        users, delay_s, ramp_s, hold_s, down_s = known
        end_s = delay_s + ramp_s + hold_s
        curves.append(
            _Curve(((delay_s, 0.0), (delay_s + ramp_s, users), (end_s, users), (end_s + down_s, 0.0)))
        )
    return _merged(curves) if curves else None


def _merged(curves: list[_Curve]) -> _Curve:
    times = sorted({time_s for curve in curves for time_s, _ in curve.corners})
    corners = []
    for time_s in times:
        before = sum(curve.at(time_s, after=False) for curve in curves)
        after = sum(curve.at(time_s, after=True) for curve in curves)
        corners += [(time_s, before)] if before == after else [(time_s, before), (time_s, after)]
    return _Curve(tuple(corners))


def _sum_of(curves: list[_Curve]) -> Profile:
    """The users of all groups as stages; a jump is a stage without duration."""
    corners = list(_merged(curves).corners)
    while len(corners) > 1 and corners[-1][1] == 0 and corners[-1][0] == corners[-2][0]:
        corners.pop()
    begin_s, start = corners[0][0], corners[0][1]
    while len(corners) > 1 and corners[1][0] == begin_s:
        corners.pop(0)
        start = corners[0][1]
    # The load begins with its first user, whatever the delay before.
    stages, last_s = [], begin_s
    for time_s, users in corners[1:]:
        stages.append(Stage(time_s - last_s, users))
        last_s = time_s
    return Profile(ProfileKind.SCENARIO, tuple(stages), start=start)


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
