"""Users of a thread group over time, as its own elements plan them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loadproof.model import Profile, ProfileKind, Stage

if TYPE_CHECKING:
    from loadproof.engines.jmeter.plan_file import Element
    from loadproof.engines.jmeter.values import Values


@dataclass(frozen=True, slots=True)
class Curve:
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


def curve_of(group: Element, values: Values) -> Curve | None:
    match group.simple_kind:
        case "ThreadGroup":
            return _plain_curve(group, values)
        case "ConcurrencyThreadGroup":
            return _concurrency_curve(group, values)
        case "UltimateThreadGroup":
            return _ultimate_curve(group, values)
        case "SteppingThreadGroup":
            return _stepping_curve(group, values)
        case _:
            return None


def _plain_curve(group: Element, values: Values) -> Curve | None:
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


def _trapezium(delay_s: float, ramp_s: float, length_s: float, users: float) -> Curve:
    corners = [
        (delay_s, 0.0),
        (delay_s + ramp_s, users),
        (delay_s + length_s, users),
        (delay_s + length_s, 0.0),
    ]
    return Curve(tuple(corners))


def endless(group: Element, values: Values) -> bool:
    """Whether its users go on until their time is over."""
    controller = group.property("ThreadGroup.main_controller")
    if controller is None:
        return False
    found = {child.name: child.text.strip() for child in controller.children}
    # Where it is not written, JMeter goes on for ever after the loops.
    for_ever = found.get("LoopController.continue_forever", "true").lower() == "true"
    return for_ever or values.number(found.get("LoopController.loops", "1")) == -1


def _concurrency_curve(group: Element, values: Values) -> Curve | None:
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
    return Curve((*corners, (ramp_s + hold_s, users), (ramp_s + hold_s, 0.0)))


def _ultimate_curve(group: Element, values: Values) -> Curve | None:
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
            Curve(((delay_s, 0.0), (delay_s + ramp_s, users), (end_s, users), (end_s + down_s, 0.0)))
        )
    return _merged(curves) if curves else None


_STEPPING: Final = (
    "ThreadGroup.num_threads", "Threads initial delay", "Start users count burst", "Start users count",
    "Start users period", "rampUp", "flighttime", "Stop users count", "Stop users period",
)  # fmt: skip


def _stepping_curve(group: Element, values: Values) -> Curve | None:
    """As the group's own `scheduleThread` has it; a count of 0 means all users."""
    numbers = [values.number(group.text(name) or "0") for name in _STEPPING]
    known = [number for number in numbers if number is not None]
    if len(known) != len(_STEPPING) or known[0] < 1:
        return None
    users, delay_s, burst, more, pause_s, ramp_s, hold_s, fewer, every_s = known
    more, fewer = more or users, fewer or users
    corners, level, at_s, count = [(delay_s, 0.0)], 0.0, delay_s, min(burst, users) or more
    last_s = at_s
    while level < users:
        count = min(count, users - level)
        # The last step is as steep as the others, and shorter.
        last_s = at_s + ramp_s * (count / more if level else 1.0)
        corners += [(at_s, level), (last_s, level + count)]
        level, at_s, count = level + count, at_s + ramp_s + pause_s, more
    end_s = last_s + hold_s
    while level > 0:
        corners += [(end_s, level), (end_s, max(0.0, level - fewer))]
        level, end_s = level - fewer, end_s + every_s
    return Curve(tuple(corners))


def _merged(curves: list[Curve]) -> Curve:
    times = sorted({time_s for curve in curves for time_s, _ in curve.corners})
    corners = []
    for time_s in times:
        before = sum(curve.at(time_s, after=False) for curve in curves)
        after = sum(curve.at(time_s, after=True) for curve in curves)
        corners += [(time_s, before)] if before == after else [(time_s, before), (time_s, after)]
    return Curve(tuple(corners))


def sum_of(curves: list[Curve]) -> Profile:
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
